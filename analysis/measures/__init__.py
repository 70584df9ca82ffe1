"""Measures of the information decomposition: pure functions on tensors, and the suite that applies them to a model.

Notation: x an image, y its label, ẑ = f(x, ε) its code, n the decoder's noise, x̂ = g(ẑ, n) and x̂' two draws for the
same code, c the measuring classifier and φ its penultimate features.

    measurement      what a value carries: interval, number of images, unit, status
    intervals        95 % image-level intervals of means, ratios, proportions and jackknifed statistics
    draws            codes and decoded images that the other modules work on
    reconstruction   squared error of one draw and of the mean draw, R²
    variance_split   shares of the output's variance that the code, the noise and their interaction explain
    labels           does a reconstruction keep its label, and does it depend on the noise
    calibration      spread against error, energy score
    critic           can a fresh critic tell (x, ẑ) from (x̂, ẑ): the label-free objective
    information      I(x; ẑ + σξ), the rate of a categorical code, I(y; ẑ)
    prior_match      is q(z) = p(z)
    clustering       errors of maps from clusters to labels, agreement of the two, use of the clusters
    clustering_floor the error of the best clusters of the prior's masses
    classifier       the measuring classifier
    controls         PCA as a linear autoencoder, k-means
    two_sample       the small network behind critic and prior_match
    probe            the classifiers of codes behind I(y; ẑ)
    samples          pictures
    bench            images, classifier and streams that all subjects of a suite share
    subjects         the controls' part of the suite
    translation      models whose code is an image of a second domain
    identity         does a translation keep the label that both domains have
    code_styles      does the encoder's noise choose the style of a translation
    recognition      is a recogniser of categories right on real and on generated images, and do its votes say so
    suite            all of it for one run

And, for what a run is too short for (`python -m analysis.measure`):

    joint_test       the joint two-sample test of (x, ẑ) against (x̂, ẑ) at full resolution: the headline of calibration
    maps             variance shares of each pixel
    factors          variance shares of known factors
    rate_distortion  rate, distortion and fidelity as noise is added to the code
    nearest          I(y; ẑ) by nearest neighbours
    mmd              q(z) against p(z) by a kernel two-sample test
    fidelity         Fréchet distance, density and coverage in the classifier's features
    full_clusters    clusters and recognition on all held-out images, beside k-means and the untrained network
    full             all of these for one run
    gaussian         closed forms of linear-Gaussian models, which the estimators are checked against
    source           hash of this source

A new measure is a function that returns an `Estimate`; `suite` gives it its name.
"""

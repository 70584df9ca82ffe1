"""Implicit autoencoders and their training: PyTorch only, no study, no YAML.

Notation (Makhzani 2018, Section 2)
    x       an image of the data distribution, shape (N, C, H, W), in [0, 1]
    ε, eps  the encoder's input noise, shape (N, encoder_noise_dim)
    ẑ, z    the latent code, ẑ = f(x, ε), shape (N, code_dim), or (N, C', H, W) where it is an image (Section 3)
    n       the decoder's latent noise, shape (N, noise_dim)
    x̂       the reconstruction, x̂ = g(ẑ, n), shape (N, C, H, W)

The implicit autoencoder bounds the log-likelihood (Equation 7) by

    −KL(q(x, z) ‖ r(x, z)) − KL(q(z) ‖ p(z)) − H_data(x)

with q(x, z) = q(z|x) p_data(x) and r(x, z) = q(z) p(x|z). A *reconstruction GAN* tells (x, ẑ) from (x̂, ẑ) and stands
for the first term; a *regularization GAN* tells z ~ p(z) from ẑ ~ q(z) and stands for the second.

This module, `config`, `architectures` and `costs` import no torch, so that a plan costs nothing; the rest does.
"""

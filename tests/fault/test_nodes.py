"""Nodes of a cluster that die while a study runs on them."""

import pytest
from harness.nodes import Cluster
from harness.studies import STUDY, Ledger, check_complete

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(3, tmp_path)
    yield cluster
    cluster.close()


def test_a_node_that_dies(cluster, study, reference, launch, note):
    first = launch(study, "--address", cluster.address, variables=cluster.variables)
    node = cluster.nodes[1]
    assert first.wait_for_training()
    assert first.wait_for(node.trains)
    count = node.die()
    assert first.end() == 0, first.text
    Ledger(study.folder).check()
    check_complete(study, reference)
    note(f"SIGKILL of a node of three, {count} processes", 1, "the study is completed on the others by the same launch")


def test_what_no_node_has_is_refused(cluster, study, launch, note):
    study.path.write_text(STUDY.replace("device: cpu", "cpus_per_lane: 2"))
    first = launch(study, "--address", cluster.address, variables=cluster.variables)
    assert first.end() == 2
    assert "resources must fit at least one lane on a node" in first.text
    assert not study.folder.root.exists()
    note("a lane that fits on no node of three", 1, "exit code 2 at once; no folder is made")

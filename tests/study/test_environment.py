"""What workers are started with."""

import os
import subprocess
import sys

from study.environment import worker_variables


def test_a_users_own_wait_of_threads_stays(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert worker_variables(2)["GOMP_SPINCOUNT"] == "10000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert worker_variables(2)["GOMP_SPINCOUNT"] == "7"


def test_a_process_computes_with_the_threads_that_it_is_given():
    command = [sys.executable, "-c", "import torch, study; print(torch.get_num_threads())"]
    environment = os.environ | worker_variables(1)
    assert subprocess.run(command, env=environment, check=True, capture_output=True, cwd="/").stdout == b"1\n"

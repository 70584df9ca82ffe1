"""A Ray cluster of several nodes on one machine: each is a `ray start` with processes of its own."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.launches import PATIENCE_S
from harness.processes import Family, kill

ADDRESS = "127.0.0.1"


class Node:
    """One node, with one CPU core and two GPUs that do not exist."""

    def __init__(self, arguments, environment, log):
        ray = str(Path(sys.executable).with_name("ray"))
        options = ["--num-cpus=1", "--num-gpus=2", f"--object-store-memory={80 * 2**20}", "--disable-usage-stats"]
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [ray, "start", *arguments, *options, "--block"], env=environment, stdout=file, stderr=file
            )
        self.family = Family(self.process.pid)
        self._log = log
        self.wait_for(lambda: "Ray runtime started" in log.read_text())

    def wait_for(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    def trains(self):
        return bool(self.family.of_kind("worker"))

    def die(self):
        """Kill its raylet and all of its workers, and then the rest of it; return how many processes that were."""
        members = self.family.living()
        count = sum(map(kill, sorted(members, key=lambda process: process.kind != "raylet")))
        self.family.end()
        return count


class Cluster:
    """A head and further nodes, which can die."""

    def __init__(self, num_nodes, logs):
        self._folder = tempfile.mkdtemp(prefix="r")
        self.variables = {"RAY_TMPDIR": self._folder, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        with socket.socket() as free:
            free.bind((ADDRESS, 0))
            self.address = f"{ADDRESS}:{free.getsockname()[1]}"
        head = ["--head", f"--node-ip-address={ADDRESS}", f"--port={self.address.partition(':')[2]}"]
        head += ["--include-dashboard=false"]
        self.nodes = []
        try:
            for number in range(num_nodes):
                arguments = [f"--address={self.address}", f"--node-ip-address={ADDRESS}"] if number else head
                self.nodes.append(Node(arguments, os.environ | self.variables, logs / f"node{number}.log"))
        except BaseException:
            self.close()
            raise

    def close(self):
        """Leave no process and no file of Ray's."""
        for node in self.nodes:
            node.family.end()
            node.process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

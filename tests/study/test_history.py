import pyarrow.parquet as pq

from study.history import SCHEMA, HistoryWriter, next_part


def rows(path):
    return pq.read_table(path).to_pylist()


def test_parts_hold_one_row_per_scalar(tmp_path):
    writer = HistoryWriter(tmp_path)
    writer.add("a-0", 10, 1.5, {"loss/x": 0.25, "metric/y": 2})
    writer.write()
    (part,) = tmp_path.iterdir()
    assert part.name == "part-000000.parquet"
    assert pq.read_schema(part).equals(SCHEMA)
    assert rows(part) == [
        {"run": "a-0", "step": 10, "time_s": 1.5, "name": "loss/x", "value": 0.25},
        {"run": "a-0", "step": 10, "time_s": 1.5, "name": "metric/y", "value": 2.0},
    ]


def test_a_launch_numbers_on_and_rewrites_nothing(tmp_path):
    for launch in range(2):
        writer = HistoryWriter(tmp_path)
        writer.add("a-0", 10, 1.0, {"loss/x": float(launch)})
        writer.write()
        writer.write()  # nothing new: no part
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["part-000000.parquet", "part-000001.parquet"]
    assert [rows(path)[0]["value"] for path in sorted(tmp_path.iterdir())] == [0.0, 1.0]


def test_numbers_go_past_six_digits_and_ignore_other_files(tmp_path):
    for name in ("part-1000000.parquet", "part-7.parquet.tmp", ".part-2000000.parquet", "part-x.parquet"):
        (tmp_path / name).touch()
    assert next_part(tmp_path) == 1_000_001
    assert next_part(tmp_path / "absent") == 0


def test_parts_are_written_when_due(tmp_path):
    writer = HistoryWriter(tmp_path, interval_s=3600)
    writer.add("a-0", 10, 1.0, {"loss/x": 1.0})
    writer.write_if_due()
    assert not list(tmp_path.iterdir())
    writer = HistoryWriter(tmp_path, interval_s=0)
    writer.add("a-0", 10, 1.0, {"loss/x": 1.0})
    writer.write_if_due()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_part_that_cannot_be_written_is_told_and_kept(tmp_path):
    (tmp_path / "history").touch()  # a file where the folder should be
    writer = HistoryWriter(tmp_path / "history", interval_s=0)
    writer.add("a-0", 10, 1.0, {"loss/x": 1.0})
    writer.write_if_due()
    assert "history" in writer.problem
    assert len(writer.problem.splitlines()) == 1
    (tmp_path / "history").unlink()
    writer.write()
    assert writer.problem == ""
    assert len(rows(tmp_path / "history" / "part-000000.parquet")) == 1

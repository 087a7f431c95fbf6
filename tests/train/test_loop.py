from train import loop


def test_only_the_checkpoints_of_a_step_are_removed(tmp_path):
    names = ("mono", "mono.1", "mono-cross", "mono-cross.2")
    for name in names:
        (tmp_path / f"{name}{loop.CHECKPOINT}").touch()
    loop.remove_checkpoints(tmp_path, "mono")
    assert {path.name.removesuffix(loop.CHECKPOINT) for path in tmp_path.iterdir()} == {
        "mono-cross",
        "mono-cross.2",
    }

"""`optimum-cli export edgehybrid`: optimum loads every file of this namespace at its start."""

from __future__ import annotations

from argparse import ArgumentParser

from optimum.commands.base import BaseOptimumCLICommand, CommandInfo
from optimum.commands.export.base import ExportCommand


class EdgehybridExportCommand(BaseOptimumCLICommand):
    """The same as `edgehybrid export`, under optimum's name for it."""

    COMMAND = CommandInfo(name="edgehybrid", help="Export hybrid models to edgehybrid bundles.")

    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        """Add the options of `edgehybrid export`."""
        parser.add_argument("--model", required=True, help="A folder, or a name on the hub.")
        parser.add_argument("--weights", default="int8", help="float32, int8 (default) or int4.")
        parser.add_argument("--revision", help="Branch, tag or commit of a name on the hub.")
        parser.add_argument(
            "--offline", action="store_true", help="Take a name from the hub's cache only."
        )
        parser.add_argument("output", help="The bundle's folder; must not exist.")

    def run(self) -> None:
        """Hand the arguments to `edgehybrid export`, whose errors and exit codes hold here too."""
        from edgehybrid.cli import main

        options = [f"--weights={self.args.weights}"]
        options += [f"--revision={self.args.revision}"] if self.args.revision is not None else []
        options += ["--offline"] if self.args.offline else []
        main(["export", *options, "--", self.args.model, self.args.output])


REGISTER_COMMANDS = [(EdgehybridExportCommand, ExportCommand)]

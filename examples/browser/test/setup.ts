/** Lets Python make what the tests compare with; PYTHON names the interpreter that has edgehybrid. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "edgehybrid-"));
  const script = new URL("fixture.py", import.meta.url).pathname;
  execFileSync(process.env.PYTHON ?? "python3", [script, folder], { stdio: ["ignore", "inherit", "inherit"] });
  process.env.FIXTURE = folder;
  return () => rmSync(folder, { recursive: true });
}

// Prints Khronos' report on a GLB as JSON: node validate.mjs FILE...
import { readFileSync } from "node:fs";
import validator from "gltf-validator";

const reports = {};
for (const path of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(path)), { maxIssues: 100 });
  reports[path] = report;
}
console.log(JSON.stringify(reports));

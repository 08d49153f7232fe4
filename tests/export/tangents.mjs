// The reference MikkTSpace (compiled to WebAssembly) on unindexed corners: node tangents.mjs IN.f32 OUT.f32
// IN holds, for n corners, 3n positions, 3n normals, 2n texture coordinates; OUT gets 4n.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { generateTangents } = createRequire(import.meta.url)("mikktspace");
const bytes = readFileSync(process.argv[2]);
const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const corners = values.length / 8;
const tangents = generateTangents(
  values.slice(0, 3 * corners),
  values.slice(3 * corners, 6 * corners),
  values.slice(6 * corners),
);
writeFileSync(process.argv[3], Buffer.from(tangents.buffer, tangents.byteOffset, tangents.byteLength));

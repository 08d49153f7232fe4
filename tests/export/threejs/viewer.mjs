// Loads /head.glb with GLTFLoader, takes the pictures that /request.json asks for, and posts what it found.
import * as THREE from "three";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const FOV = (2 * Math.atan(112 / 1015) * 180) / Math.PI; // the package's portrait camera, docs/conventions.md

function flat(root) {
  root.traverse((node) => {
    if (node.isMesh) node.material = new THREE.MeshBasicMaterial({ map: node.material.map, side: node.material.side });
  });
}

function lit(scene, renderer) {
  const generator = new THREE.PMREMGenerator(renderer);
  scene.environment = generator.fromScene(new RoomEnvironment()).texture;
  scene.environmentIntensity = 0.5;
  const key = new THREE.DirectionalLight(0xffffff, 1.6);
  key.position.set(-0.5, 0.6, 1);
  scene.add(key);
}

function setMorphs(root, weights) {
  root.traverse((node) => {
    if (!node.isMesh || !node.morphTargetDictionary) return;
    node.morphTargetInfluences.fill(0);
    for (const [name, weight] of Object.entries(weights)) {
      node.morphTargetInfluences[node.morphTargetDictionary[name]] = weight;
    }
  });
}

function describe(root) {
  const found = { morphs: {}, nodes: [], materials: [], attributes: {} };
  root.traverse((node) => {
    found.nodes.push(node.name);
    if (!node.isMesh) return;
    if (node.morphTargetDictionary) found.morphs[node.name] = Object.keys(node.morphTargetDictionary);
    found.materials.push(node.material.name);
    found.attributes[node.name] = Object.keys(node.geometry.attributes);
  });
  return found;
}

async function shoot(picture, size) {
  const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  renderer.setSize(size, size);
  renderer.toneMapping = THREE.NoToneMapping;
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(picture.background ?? "#808080");
  const gltf = await new GLTFLoader().loadAsync("/head.glb");
  const found = describe(gltf.scene);
  scene.add(gltf.scene);
  gltf.scene.position.fromArray(picture.position);
  gltf.scene.rotation.y = picture.yaw ?? 0;
  if (picture.flat) flat(gltf.scene);
  else lit(scene, renderer);
  setMorphs(gltf.scene, picture.morphs ?? {});
  for (const [name, yaw] of Object.entries(picture.turn ?? {})) gltf.scene.getObjectByName(name).rotation.y = yaw;
  const camera = new THREE.PerspectiveCamera(FOV, 1, 0.1, 10);
  camera.position.set(0, 0, 1);
  renderer.render(scene, camera);
  return { found, png: renderer.domElement.toDataURL("image/png") };
}

async function main() {
  const request = await (await fetch("/request.json")).json();
  const pictures = {};
  let found = null;
  for (const [name, picture] of Object.entries(request.pictures)) {
    const shot = await shoot(picture, request.size);
    pictures[name] = shot.png;
    found = shot.found;
  }
  return { found, pictures, error: null };
}

const result = await main().catch((error) => ({ found: null, pictures: {}, error: String(error.stack ?? error) }));
await fetch("/result", { method: "POST", body: JSON.stringify(result) });

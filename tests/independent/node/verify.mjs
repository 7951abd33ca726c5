// A second verifier, written from the specifications: DSSE, C2SP signed-note, tlog-checkpoint, tlog-cosignature,
// tlog-proof and tlog-tiles, RFC 6962 and RFC 3161.
//
// Reads an array of cases from standard input and writes an array of results: true, or why it is refused.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import core from '@sigstore/core';

const decode = (text) => {
  const data = Buffer.from(text, 'base64');
  if (data.toString('base64') !== text) throw new Error(`not base64: ${text}`);
  return data;
};
const demand = (holds, otherwise) => {
  if (!holds) throw new Error(otherwise);
};
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const leafHash = (entry) => sha256(Buffer.from([0]), entry);
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right);
const spki = (der) => createPublicKey({ key: der, format: 'der', type: 'spki' });
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410, before the 32 bytes of the key

const signedBy = (key, message, signature) =>
  verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', message, key, signature);

// c2sp.org/signed-note, "Verifier keys" and "Signature types"
function verifierKey(vkey) {
  const [name, id, ...material] = vkey.split('+');
  const data = decode(material.join('+'));
  const [kind, key] = [data[0], data.subarray(1)];
  const named = kind === 2 ? key : Buffer.concat([Buffer.from(`${name}\n`), data]);
  demand(sha256(named).subarray(0, 4).toString('hex') === id, 'the key id is not of this key');
  return { name, id, kind, key: spki(kind === 2 ? key : Buffer.concat([ED25519, key])) };
}

// Returns the text of a note once a key has signed it.
function opened(note, vkey) {
  const end = note.lastIndexOf('\n\n');
  demand(end >= 0, 'no blank line before the signatures');
  const text = note.slice(0, end + 1);
  const known = verifierKey(vkey);
  const found = note.slice(end + 2).split('\n').slice(0, -1).map((line) => {
    const [dash, name, encoded, ...more] = line.split(' ');
    demand(dash === '\u2014' && name && encoded && !more.length, `no signature line: ${line}`);
    const blob = decode(encoded);
    return { name, id: blob.subarray(0, 4).toString('hex'), signature: blob.subarray(4) };
  }).filter((line) => line.name === known.name && line.id === known.id);
  demand(found.length > 0, 'the key did not sign');
  for (const { signature } of found) {
    if (known.kind === 4) { // c2sp.org/tlog-cosignature: the time in 8 bytes, then the signature
      const message = `cosignature/v1\ntime ${signature.readBigUInt64BE(0)}\n${text}`;
      demand(signedBy(known.key, Buffer.from(message), signature.subarray(8)), 'the cosignature is false');
    } else {
      demand(signedBy(known.key, Buffer.from(text), signature), 'the signature is false');
    }
  }
  return text;
}

// c2sp.org/tlog-checkpoint
function checkpoint(text) {
  const [origin, size, root] = text.split('\n');
  demand(origin && /^(0|[1-9]\d*)$/.test(size), 'no checkpoint');
  return { origin, size: Number(size), root: decode(root) };
}

// RFC 6962 section 2.1: the largest power of two smaller than n
function split(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

const treeHash = (leaves) => leaves.length === 1
  ? leaves[0]
  : nodeHash(treeHash(leaves.slice(0, split(leaves.length))), treeHash(leaves.slice(split(leaves.length))));

// The root that an audit path leads to (the recursion of RFC 6962 section 2.1.1, read backwards); uses the path up.
function rootFrom(leaf, index, size, path) {
  if (size === 1) return leaf;
  const k = split(size);
  demand(path.length > 0, 'the path is too short');
  const sibling = path.pop();
  return index < k
    ? nodeHash(rootFrom(leaf, index, k, path), sibling)
    : nodeHash(sibling, rootFrom(leaf, index - k, size - k, path));
}

// Both roots that a consistency proof leads to (the recursion of SUBPROOF in RFC 6962 section 2.1.2, read backwards).
function rootsFrom(m, n, path, old) {
  if (m === n && old) return [old, old];
  demand(path.length > 0, 'the proof is too short');
  const hash = path.pop();
  if (m === n) return [hash, hash];
  const k = split(n);
  if (m <= k) {
    const [before, now] = rootsFrom(m, k, path, old);
    return [before, nodeHash(now, hash)];
  }
  const [before, now] = rootsFrom(m - k, n - k, path, null);
  return [nodeHash(hash, before), nodeHash(hash, now)];
}

// c2sp.org/tlog-tiles: the bundles of the first entries of a log, each entry after its length in two bytes
function entriesOf(folder, size) {
  const entries = [];
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256);
    demand(index < 1000, 'larger than this verifier reads');
    const place = `${folder}/tile/entries/${String(index).padStart(3, '0')}`;
    const bundle = readFileSync(width < 256 ? `${place}.p/${width}` : place);
    for (let at = 0; at < bundle.length;) {
      const length = bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  demand(entries.length === size, 'the bundles hold another number of entries');
  return entries;
}

const checks = {
  envelope({ line, key }) {
    const { payload, payloadType, signatures } = JSON.parse(line);
    const signed = core.dsse.preAuthEncoding(payloadType, decode(payload));
    demand(signatures.length === 1, 'not one signature');
    demand(signatures[0].keyid === sha256(decode(key)).toString('hex'), 'the keyid is not of this key');
    demand(signedBy(spki(decode(key)), signed, decode(signatures[0].sig)), 'the signature is false');
  },
  note({ note, vkey }) {
    checkpoint(opened(note, vkey));
  },
  ledger({ folder, vkey }) {
    const { size, root } = checkpoint(opened(readFileSync(`${folder}/checkpoint`, 'utf8'), vkey));
    demand(treeHash(entriesOf(folder, size).map(leafHash)).equals(root), 'the entries have another root');
  },
  inclusion({ proof, entry, vkey }) { // c2sp.org/tlog-proof
    const end = proof.indexOf('\n\n');
    const [header, index, ...path] = proof.slice(0, end).split('\n').filter((line) => !line.startsWith('extra '));
    demand(header === 'c2sp.org/tlog-proof@v1' && /^index (0|[1-9]\d*)$/.test(index), 'no proof');
    const { size, root } = checkpoint(opened(proof.slice(end + 2), vkey));
    const [place, hashes] = [Number(index.slice(6)), path.map(decode)];
    demand(place < size, 'there is no such place');
    demand(rootFrom(leafHash(decode(entry)), place, size, hashes).equals(root), 'the path leads to another root');
    demand(hashes.length === 0, 'the path is too long');
  },
  consistency({ earlier, later, proof, vkey }) {
    const [old, now] = [earlier, later].map((note) => checkpoint(opened(note, vkey)));
    demand(old.origin === now.origin && old.size > 0 && old.size <= now.size, 'not a smaller one of the same log');
    const hashes = proof.map(decode);
    const [before, after] = rootsFrom(old.size, now.size, hashes, old.root);
    demand(before.equals(old.root) && after.equals(now.root), 'the proof leads to other roots');
    demand(hashes.length === 0, 'the proof is too long');
  },
  stamp({ token, message, certificate }) {
    const stamp = core.RFC3161Timestamp.parse(decode(token));
    demand(stamp.status === 0n, 'not granted');
    stamp.verify(Buffer.from(message), createPublicKey(certificate));
  },
};

const results = JSON.parse(readFileSync(0, 'utf8')).map((given) => {
  try {
    checks[given.what](given);
    return true;
  } catch (error) {
    return String(error.message);
  }
});
process.stdout.write(JSON.stringify(results));

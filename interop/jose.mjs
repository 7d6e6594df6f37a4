// npm `jose`: takes a document, an address and a root certificate, and opens all that they lead to.
import {readFileSync} from 'node:fs';
import {gunzipSync, inflateSync} from 'node:zlib';
import {compactVerify, createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify} from 'jose';

const {base, documents, issuer} = JSON.parse(readFileSync(0, 'utf8'));
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', base));

const fetched = async (url, type) => {
  const answer = await fetch(url, {headers: {Accept: type}});
  if(!answer.ok) {
    throw new Error(`${url} answers ${answer.status}`);
  }
  if(answer.headers.get('content-type') !== type) {
    throw new Error(`${url} is ${answer.headers.get('content-type')}`);
  }
  return answer.text();
};

// W3C: the left-most bit first. IETF: the lowest bits of a byte first.
const bit = (bytes, index) => (bytes[index >> 3] >> (7 - (index & 7))) & 1;
const pair = (bytes, index) => (bytes[index >> 2] >> (2 * (index & 3))) & 3;

const bitstring = async entry => {
  const url = entry.statusListCredential;
  const token = await fetched(url, 'application/vc+jwt');
  const {payload} = await jwtVerify(token, keys, {typ: 'vc+jwt', issuer, requiredClaims: ['exp', 'nbf']});
  const {statusPurpose, encodedList} = payload.credentialSubject;
  if(payload.id !== url || payload.issuer !== issuer || statusPurpose !== entry.statusPurpose) {
    throw new Error(`${url} is about something else`);
  }
  return bit(gunzipSync(Buffer.from(encodedList.slice(1), 'base64url')), Number(entry.statusListIndex));
};

const bitstrings = async payload => {
  const set = [];
  for(const entry of [payload.credentialStatus].flat()) {
    if(await bitstring(entry)) {
      set.push(entry.statusPurpose);
    }
  }
  return set.includes('revocation') ? 'revoked' : set.includes('suspension') ? 'suspended' : 'valid';
};

const tokenList = async payload => {
  const [entry] = [payload.credentialStatus].flat();
  const url = entry.statusListCredential.replace(/-[a-z]+$/, '');
  const token = await fetched(url, 'application/statuslist+jwt');
  const {payload: list} = await jwtVerify(token, keys, {
    typ: 'statuslist+jwt', issuer, subject: url, requiredClaims: ['exp', 'iat', 'ttl']
  });
  if(list.status_list.bits !== 2) {
    throw new Error(`${url} has ${list.status_list.bits} bits`);
  }
  const bytes = inflateSync(Buffer.from(list.status_list.lst, 'base64url'));
  return ['valid', 'revoked', 'suspended', 'superseded'][pair(bytes, Number(entry.statusListIndex))];
};

const said = async work => {
  try {
    return await work();
  } catch(error) {
    return `refused: ${error.message}`;
  }
};

const opened = async token => {
  const {payload} = await jwtVerify(token, keys, {typ: 'vc+jwt', issuer, requiredClaims: ['exp', 'nbf', 'sub']});
  return payload;
};

// A badge names its key by the address of one JWK.
const badge = async token => {
  const key = await (await fetch(decodeProtectedHeader(token).kid)).json();
  const {payload} = await jwtVerify(token, await importJWK(key), {typ: 'JWT', issuer, requiredClaims: ['exp', 'nbf']});
  return payload;
};

const token = documents['vc+jwt'];
const middle = token.length >> 1;
const forged = token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1);
console.log(JSON.stringify({
  'vc+jwt, by its bitstring lists': await said(async () => bitstrings(await opened(token))),
  'vc+jwt, by the token list': await said(async () => tokenList(await opened(token))),
  'ob+jwt, by its bitstring list': await said(async () => bitstrings(await badge(documents['ob+jwt']))),
  'ob+jwt, by the token list': await said(async () => tokenList(await badge(documents['ob+jwt']))),
  'a forged vc+jwt': await said(async () => {
    await compactVerify(forged, keys);
    return 'accepted';
  })
}));

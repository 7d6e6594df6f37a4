// `@digitalbazaar/vc-bitstring-status-list`: reads the payloads of our lists. It verifies lists with Data
// Integrity proofs only, so the signature of ours is opened by `jose` before it gets the payload.
import {readFileSync} from 'node:fs';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import {createRemoteJWKSet, decodeJwt, jwtVerify} from 'jose';

const {base, documents} = JSON.parse(readFileSync(0, 'utf8'));
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', base));

const documentLoader = async url => {
  const {payload} = await jwtVerify(await (await fetch(url)).text(), keys);
  return {documentUrl: url, document: payload};
};

const found = async token => {
  const {verified, results, error} = await checkStatus({
    credential: decodeJwt(token), documentLoader, verifyBitstringStatusListCredential: false
  });
  if(!verified) {
    return `refused: ${error?.message}`;
  }
  const set = results.filter(({status}) => status).map(({credentialStatus}) => credentialStatus.statusPurpose);
  return set.includes('revocation') ? 'revoked' : set.includes('suspension') ? 'suspended' : 'valid';
};

console.log(JSON.stringify({
  'vc+jwt, by its bitstring lists': await found(documents['vc+jwt']),
  'ob+jwt, by its bitstring list': await found(documents['ob+jwt'])
}));

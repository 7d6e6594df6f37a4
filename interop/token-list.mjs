// `@sd-jwt/jwt-status-list`: reads our token lists. It leaves signatures to others: `jose` opens them first.
import {readFileSync} from 'node:fs';
import {getListFromStatusListJWT} from '@sd-jwt/jwt-status-list';
import {createRemoteJWKSet, decodeJwt, jwtVerify} from 'jose';

const {base, documents} = JSON.parse(readFileSync(0, 'utf8'));
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', base));

const found = async token => {
  try {
    const [entry] = [decodeJwt(token).credentialStatus].flat();
    const url = entry.statusListCredential.replace(/-[a-z]+$/, '');
    const list = await (await fetch(url)).text();
    await jwtVerify(list, keys, {typ: 'statuslist+jwt', subject: url});
    const status = getListFromStatusListJWT(list).getStatus(Number(entry.statusListIndex));
    return ['valid', 'revoked', 'suspended', 'superseded'][status];
  } catch(error) {
    return `refused: ${error.message}`;
  }
};

console.log(JSON.stringify({
  'vc+jwt, by the token list': await found(documents['vc+jwt']),
  'ob+jwt, by the token list': await found(documents['ob+jwt'])
}));

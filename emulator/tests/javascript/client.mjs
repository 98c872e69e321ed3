// Azure's own SDK for JavaScript against the emulator. Prints one JSON object with what it saw.
//
// Arguments: vault, authority, tenant, client, and `secret` or `certificate` with its value.

import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";

const [vault, authority, tenant, client, proof, value] = process.argv.slice(2);
// Both checks know Azure's own names alone.
const options = { authorityHost: authority, disableInstanceDiscovery: true };
const credential =
  proof === "secret"
    ? new ClientSecretCredential(tenant, client, value, options)
    : new ClientCertificateCredential(tenant, client, { certificatePath: value }, options);
const unchecked = { disableChallengeResourceVerification: true };
const keys = new KeyClient(vault, credential, unchecked);

async function refusal(attempt) {
  try {
    await attempt();
  } catch (error) {
    return { name: error.name, status: error.statusCode, code: error.code, message: error.message };
  }
  return null;
}

const seen = {};
const created = await keys.createRsaKey("fresh", { keySize: 2048 });
const rotated = await keys.rotateKey("fresh");
seen.newest = (await keys.getKey("fresh")).properties.version === rotated.properties.version;
seen.versions = [];
for await (const version of keys.listPropertiesOfKeyVersions("fresh")) {
  seen.versions.push(version.version);
}
seen.made = [created.properties.version, rotated.properties.version];

const text = Buffer.from("a data key");
const crypto = new CryptographyClient(created, credential, unchecked);
const sealed = await crypto.encrypt("RSA-OAEP-256", text);
seen.decrypted = Buffer.from((await crypto.decrypt("RSA-OAEP-256", sealed.result)).result).toString();
const wrapped = await crypto.wrapKey("RSA-OAEP-256", text);
seen.unwrapped = Buffer.from((await crypto.unwrapKey("RSA-OAEP-256", wrapped.result)).result).toString();

// Told nothing of the version, the SDK sends an empty one between two slashes.
const versionless = new CryptographyClient(`${vault}/keys/fresh`, credential, unchecked);
const of_newest = await versionless.wrapKey("RSA-OAEP", text);
seen.versionless = Buffer.from((await versionless.unwrapKey("RSA-OAEP", of_newest.result)).result).toString();

const digest = Buffer.alloc(32, 7);
const signed = await crypto.sign("RS256", digest);
seen.verified = (await crypto.verify("RS256", digest, signed.result)).result;
const backup = await keys.backupKey("fresh");
await (await keys.beginDeleteKey("fresh", { intervalInMs: 10 })).pollUntilDone();
await (await keys.beginRecoverDeletedKey("fresh", { intervalInMs: 10 })).pollUntilDone();
await (await keys.beginDeleteKey("fresh", { intervalInMs: 10 })).pollUntilDone();
await keys.purgeDeletedKey("fresh");
seen.restored = (await keys.restoreKeyBackup(backup)).id === rotated.id;

seen.of_another = await refusal(() => versionless.unwrapKey("RSA-OAEP-256", wrapped.result));
await keys.updateKeyProperties("fresh", created.properties.version, { enabled: false });
seen.disabled = await refusal(() => crypto.unwrapKey("RSA-OAEP-256", wrapped.result));
seen.absent = await refusal(() => keys.getKey("absent"));

console.log(JSON.stringify(seen));

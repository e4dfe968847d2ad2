import type {
  EncryptionAlgorithmSpec,
  KeySpec,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from "@aws-sdk/client-kms";

/**
 * The usages of a key specification, and how its key pair is created.
 * Source: KMS Developer Guide, "Key spec reference".
 */
interface Spec {
  readonly usages: readonly ("ENCRYPT_DECRYPT" | "SIGN_VERIFY" | "GENERATE_VERIFY_MAC")[];
  /** Bits of an RSA key. */
  readonly bits?: number;
  /** OpenSSL's name of a curve. */
  readonly curve?: string;
  /** Bytes of a secret key. */
  readonly bytes?: number;
  readonly signing?: readonly SigningAlgorithmSpec[];
  readonly mac?: MacAlgorithmSpec;
}

const RSA_SIGNING: readonly SigningAlgorithmSpec[] = [
  "RSASSA_PKCS1_V1_5_SHA_256",
  "RSASSA_PKCS1_V1_5_SHA_384",
  "RSASSA_PKCS1_V1_5_SHA_512",
  "RSASSA_PSS_SHA_256",
  "RSASSA_PSS_SHA_384",
  "RSASSA_PSS_SHA_512",
];
export const RSA_ENCRYPTION: readonly EncryptionAlgorithmSpec[] = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"];

const rsa = (bits: number): Spec => ({
  usages: ["ENCRYPT_DECRYPT", "SIGN_VERIFY"],
  bits,
  signing: RSA_SIGNING,
});
const ecc = (curve: string, algorithm: SigningAlgorithmSpec): Spec => ({
  usages: ["SIGN_VERIFY"],
  curve,
  signing: [algorithm],
});
const hmac = (bytes: number, mac: MacAlgorithmSpec): Spec => ({
  usages: ["GENERATE_VERIFY_MAC"],
  bytes,
  mac,
});

export const SPECS: Readonly<Partial<Record<KeySpec, Spec>>> = {
  SYMMETRIC_DEFAULT: { usages: ["ENCRYPT_DECRYPT"], bytes: 32 },
  RSA_2048: rsa(2_048),
  RSA_3072: rsa(3_072),
  RSA_4096: rsa(4_096),
  ECC_NIST_P256: ecc("prime256v1", "ECDSA_SHA_256"),
  ECC_NIST_P384: ecc("secp384r1", "ECDSA_SHA_384"),
  ECC_NIST_P521: ecc("secp521r1", "ECDSA_SHA_512"),
  ECC_SECG_P256K1: ecc("secp256k1", "ECDSA_SHA_256"),
  HMAC_224: hmac(28, "HMAC_SHA_224"),
  HMAC_256: hmac(32, "HMAC_SHA_256"),
  HMAC_384: hmac(48, "HMAC_SHA_384"),
  HMAC_512: hmac(64, "HMAC_SHA_512"),
};

export function specOf(name: string): Spec | undefined {
  return Object.hasOwn(SPECS, name) ? SPECS[name as KeySpec] : undefined; // Its own keys alone.
}

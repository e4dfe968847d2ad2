/** Encrypts the messages of groups that have a key. */
export interface MessageCiphers {
  sealer(group: string): { readonly keyId: string; readonly seal: (message: string) => string } | undefined;
  open(group: string, keyId: string, sealed: string): string;
}

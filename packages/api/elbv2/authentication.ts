import { createHash, generateKeyPairSync } from "node:crypto";
import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Ids, Vault } from "@gantry/kernel";
import type { ActionRecord, AuthenticationRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { validation } from "./validation.ts";

/** Source: API_AuthenticateOidcActionConfig, the defaults. */
const COOKIE_NAME = "AWSELBAuthSessionCookie";
const SCOPE = "openid";
/** Seven days. */
const SESSION_SECONDS = 604_800;
/** Source: "Authenticate users using an Application Load Balancer", quotas of an action. */
const EXTRA_PARAMS_MAX = 10;
const EXTRA_PARAM_LENGTH_MAX = 1_024;
const SESSION_KEY_BYTES = 32;
const KEY_ID_LENGTH = 36;

/** What makes and keeps the secrets of an authentication. */
export interface SecretDeps {
  readonly vault: Vault;
  readonly ids: Ids;
}

/**
 * An authentication as it is kept. The keys of its sessions stay the same as long as the issuer and the client
 * do, so that a change of the action signs nobody out. Errors: ValidationError, InvalidLoadBalancerAction.
 */
export function toAuthentication(
  { vault, ids }: SecretDeps,
  config: elb.AuthenticateOidcActionConfig | undefined,
  former: AuthenticationRecord | undefined,
): AuthenticationRecord {
  if (config === undefined)
    throw new ApiError(
      "InvalidLoadBalancerAction",
      "For actions of type 'authenticate-oidc', you must specify the following fields: 'AuthenticateOidcConfig'",
    );
  const given = {
    issuer: checkUrl("Issuer", config.Issuer),
    authorizationEndpoint: checkUrl("AuthorizationEndpoint", config.AuthorizationEndpoint),
    tokenEndpoint: checkUrl("TokenEndpoint", config.TokenEndpoint),
    userInfoEndpoint: checkUrl("UserInfoEndpoint", config.UserInfoEndpoint),
    clientId: required("ClientId", config.ClientId),
  };
  const isSame = former?.issuer === given.issuer && former.clientId === given.clientId;
  return {
    type: "authenticate-oidc",
    ...given,
    ...settingsOf(config),
    sealedClientSecret: secretOf(vault, config, former),
    ...(isSame ? keysOf(former) : newKeys(vault, ids)),
  };
}

function settingsOf(config: elb.AuthenticateOidcActionConfig) {
  const {
    SessionCookieName = COOKIE_NAME,
    Scope = SCOPE,
    SessionTimeout = SESSION_SECONDS,
    AuthenticationRequestExtraParams = {},
    OnUnauthenticatedRequest = "authenticate",
  } = config;
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(SessionCookieName))
    throw validation(`Session cookie name '${SessionCookieName}' is not valid`);
  if (!/^[\u0021-\u007e]+(?: [\u0021-\u007e]+)*$/.test(Scope) || /["\\]/.test(Scope))
    throw validation(`Scope '${Scope}' is not valid`);
  if (!Scope.split(" ").includes("openid")) throw validation("The scope must include 'openid'");
  if (!(SessionTimeout >= 1 && SessionTimeout <= SESSION_SECONDS))
    throw validation(`Session timeout '${SessionTimeout}' must be between 1 and ${SESSION_SECONDS}`);
  const params = Object.entries(AuthenticationRequestExtraParams);
  if (params.length > EXTRA_PARAMS_MAX)
    throw validation(`An action can have '${EXTRA_PARAMS_MAX}' authentication request extra params at most`);
  for (const [key, value] of params) {
    if (key.length + value.length > EXTRA_PARAM_LENGTH_MAX)
      throw validation(`The authentication request extra param '${key}' is too long`);
    if (RESERVED.has(key))
      throw validation(`The authentication request extra param '${key}' is set by the load balancer`);
  }
  if (
    OnUnauthenticatedRequest !== "authenticate" &&
    OnUnauthenticatedRequest !== "allow" &&
    OnUnauthenticatedRequest !== "deny"
  )
    throw validation(
      `OnUnauthenticatedRequest '${String(OnUnauthenticatedRequest)}' must be one of '[deny, allow, authenticate]'`,
    );
  return {
    sessionCookieName: SessionCookieName,
    scope: Scope,
    sessionTimeoutSeconds: SessionTimeout,
    extraParams: AuthenticationRequestExtraParams,
    onUnauthenticatedRequest: OnUnauthenticatedRequest,
  };
}

/** Parameters of the authorization request that the load balancer sets itself. */
const RESERVED: ReadonlySet<string> = new Set([
  "client_id",
  "redirect_uri",
  "response_type",
  "scope",
  "state",
  "nonce",
]);

function secretOf(
  vault: Vault,
  config: elb.AuthenticateOidcActionConfig,
  former: AuthenticationRecord | undefined,
): string {
  const { ClientSecret, UseExistingClientSecret = false } = config;
  if (UseExistingClientSecret && ClientSecret !== undefined)
    throw validation("You cannot specify a client secret if you use the existing client secret");
  if (ClientSecret !== undefined && ClientSecret !== "") return vault.seal(ClientSecret);
  if (UseExistingClientSecret && former !== undefined) return former.sealedClientSecret;
  // Source: API_AuthenticateOidcActionConfig: "If you are creating a rule, you can omit this parameter or set
  // it to false".
  if (UseExistingClientSecret)
    throw validation("UseExistingClientSecret cannot be true, as there is no existing client secret");
  throw validation("A client secret must be specified");
}

function keysOf(former: AuthenticationRecord) {
  const { sealedSessionKey, sealedSigningKey, signingKeyPem, signingKeyId } = former;
  return { sealedSessionKey, sealedSigningKey, signingKeyPem, signingKeyId };
}

function newKeys(vault: Vault, ids: Ids) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const digest = createHash("sha256")
    .update(pem)
    .digest("hex")
    .slice(0, KEY_ID_LENGTH - 4);
  return {
    sealedSessionKey: vault.seal(Buffer.from(ids.secret(SESSION_KEY_BYTES), "base64").toString("base64url")),
    sealedSigningKey: vault.seal(privateKey.export({ type: "pkcs8", format: "pem" })),
    signingKeyPem: pem,
    signingKeyId: digest.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
  };
}

/** Source: API_AuthenticateOidcActionConfig: "a full URL, including the HTTPS protocol, the domain, and the path". */
function checkUrl(name: string, given: string | undefined): string {
  const text = required(name, given);
  const url = URL.parse(text);
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "" || /[\s"\\]/.test(text))
    throw validation(`${name} '${text}' must be a valid HTTPS URL`);
  return text;
}

function required(name: string, given: string | undefined): string {
  if (given === undefined || given === "")
    throw validation(`The field '${name}' of an authenticate-oidc action must be specified`);
  return given;
}

/** An authentication as it is shown, without its secrets. */
export function presentAuthentication(
  action: Extract<ActionRecord, { type: "authenticate-oidc" }>,
): elb.AuthenticateOidcActionConfig {
  return {
    Issuer: action.issuer,
    AuthorizationEndpoint: action.authorizationEndpoint,
    TokenEndpoint: action.tokenEndpoint,
    UserInfoEndpoint: action.userInfoEndpoint,
    ClientId: action.clientId,
    SessionCookieName: action.sessionCookieName,
    Scope: action.scope,
    SessionTimeout: action.sessionTimeoutSeconds,
    AuthenticationRequestExtraParams: { ...action.extraParams },
    OnUnauthenticatedRequest: action.onUnauthenticatedRequest,
  };
}

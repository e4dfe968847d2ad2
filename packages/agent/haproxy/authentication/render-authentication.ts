import { join } from "node:path";
import type { Balancer, BalancerAuthentication, BalancerListener } from "@gantry/agent-protocol";
import { hash } from "../names.ts";

/** The path that the issuer sends users back to. Source: "Authenticate users using an Application Load Balancer". */
export const CALLBACK_PATH = "/oauth2/idpresponse";

/** The header of an answer's reason, which the proxy keeps for the access log. */
export const ERROR_REASON = "error-reason";

/** The cookies that hold a session. Source: "Authenticate users using an Application Load Balancer", cookies. */
export const SHARDS_MAX = 4;

const SCRIPT_FILE = "lua_authentication.lua";
/** The headers that only the load balancer may set. */
const USER_HEADERS = ["x-amzn-oidc-data", "x-amzn-oidc-identity", "x-amzn-oidc-accesstoken"];

/** The socket at which the proxy asks about requests to rules with an authentication. */
export function authenticationSocket(folder: string): string {
  return join(folder, "authentication.sock");
}

/** Every authentication of a listener. */
export function authenticationsOf({ rules, defaultAuthentication }: BalancerListener) {
  return [...rules.map(({ authentication }) => authentication), defaultAuthentication].filter(
    (each) => each !== undefined,
  );
}

/** Identifies an authentication between the proxy and the agent. */
export function authenticationId(authentication: BalancerAuthentication): string {
  return hash(JSON.stringify(authentication));
}

/**
 * Renders what precedes the rules of a listener with an authentication: headers that a client must not claim
 * are removed, and a user whom the issuer sends back completes the sign-in. Nothing for other listeners.
 */
export function renderCallback(
  balancer: Balancer,
  listener: BalancerListener,
  guard: string,
): readonly string[] {
  if (authenticationsOf(listener).length === 0) return [];
  const when = guard === "" ? "" : ` if ${guard}`;
  return [
    ...USER_HEADERS.map((name) => `  http-request del-header ${name}${when}`),
    `  http-request lua.authenticate callback ${balancer.arn} if ${guard === "" ? "" : `${guard} `}{ ` +
      `path ${CALLBACK_PATH} }`,
    // The cookies of a session that was renewed.
    ...Array.from({ length: SHARDS_MAX }, (_, index) => `txn.cookie${index}`).map(
      (name) => `  http-after-response add-header Set-Cookie %[var(${name})] if { var(${name}) -m found }`,
    ),
  ];
}

/** Renders the authentication of the requests that `when` selects; it precedes their action. */
export function renderAuthentication(
  balancer: Balancer,
  authentication: BalancerAuthentication | undefined,
  when: string,
): readonly string[] {
  if (authentication === undefined) return [];
  const id = authenticationId(authentication);
  return [`  http-request lua.authenticate ${id} ${balancer.arn}${when === "" ? "" : ` if ${when}`}`];
}

/** The script's file and the line that loads it; nothing where no load balancer has an authentication. */
export function authenticationScript(
  balancers: readonly Balancer[],
  folder: string,
): { readonly lines: readonly string[]; readonly files: Readonly<Record<string, string>> } {
  const isUsed = balancers.some(({ listeners }) =>
    listeners.some((each) => authenticationsOf(each).length > 0),
  );
  if (!isUsed) return { lines: [], files: {} };
  return {
    lines: [`  lua-load-per-thread ${folder}/${SCRIPT_FILE}`],
    files: { [SCRIPT_FILE]: script(authenticationSocket(folder)) },
  };
}

/**
 * The action `lua.authenticate ID ARN`: asks the agent about the request. Every failure refuses the request.
 * Source: HAProxy 2.6 Lua API.
 */
const script = (socket: string): string => `local function refuse(txn, status, headers)
  local reply = txn:reply({ status = status })
  for _, header in ipairs(headers) do reply:add_header(header[1], header[2]) end
  reply:set_body("")
  txn:done(reply)
end

local function ask(id, arn, txn)
  local socket = core.tcp()
  socket:settimeout(30)
  if socket:connect("unix@${socket}") == nil then return nil end
  local question = table.concat({ id, arn, txn.sf:req_fhdr("host"), txn.sf:pathq(), txn.sf:req_fhdr("cookie") }, "\\n")
  if socket:send(question .. "\\n") == nil then socket:close() return nil end
  local lines = {}
  while true do
    local line = socket:receive("*l")
    if line == nil then socket:close() return nil end
    if line == "" then break end
    lines[#lines + 1] = line
  end
  socket:close()
  return lines
end

core.register_action("authenticate", { "http-req" }, function(txn, id, arn)
  local lines = ask(id, arn, txn)
  if lines == nil or lines[1] == nil then return refuse(txn, 503, {}) end
  local headers = {}
  for index = 2, #lines do
    local name, value = lines[index]:match("^([a-z-]+): (.*)$")
    if name == "${ERROR_REASON}" then txn:set_var("txn.error", value)
    elseif name ~= nil then headers[#headers + 1] = { name, value } end
  end
  if lines[1] ~= "continue" then return refuse(txn, tonumber(lines[1]) or 503, headers) end
  local cookies = 0
  for _, header in ipairs(headers) do
    if header[1] == "set-cookie" then
      txn:set_var("txn.cookie" .. cookies, header[2])
      cookies = cookies + 1
    else txn.http:req_set_header(header[1], header[2]) end
  end
end, 2)
`;

import * as iam from "@aws-sdk/client-iam";
import * as sts from "@aws-sdk/client-sts";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { SignedXml } from "xml-crypto";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const anonymous = new sts.STSClient({
  ...api.client(),
  credentials: { accessKeyId: "", secretAccessKey: "" },
});
const AWS = "https://signin.aws.amazon.com/saml";
const ISSUER = "https://idp.example.com/metadata";
const [idp, attacker] = await Promise.all([
  api.authority.issueSigner("idp", Date.now()),
  api.authority.issueSigner("idp", Date.now()),
]);

const base64Of = (pem: string) => pem.replaceAll(/-----[A-Z ]+-----|\s/g, "");
const metadata = `<?xml version="1.0"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${ISSUER}">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">
<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
<X509Certificate>${base64Of(idp.certificatePem)}</X509Certificate></X509Data></KeyInfo>
</KeyDescriptor></IDPSSODescriptor></EntityDescriptor>`;
const { SAMLProviderArn: PrincipalArn = "" } = await root.send(
  new iam.CreateSAMLProviderCommand({ Name: "corp", SAMLMetadataDocument: metadata }),
);
async function createRole(RoleName: string, Condition: object = { StringEquals: { "SAML:aud": AWS } }) {
  const { Role } = await root.send(
    new iam.CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            ...{ Effect: "Allow", Principal: { Federated: PrincipalArn }, Condition },
            Action: ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
          },
        ],
      }),
    }),
  );
  return Role?.Arn ?? "";
}
const RoleArn = await createRole("federated");
const other = await createRole("administrator");

interface Parts {
  role?: string;
  subject?: string;
  audience?: string;
  recipient?: string;
  issuer?: string;
  ageMs?: number;
  id?: string;
}
const timeOf = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
function assertion(parts: Parts = {}): string {
  const {
    role = RoleArn,
    subject = "ada",
    audience = AWS,
    recipient = AWS,
    issuer = ISSUER,
    ageMs = 0,
  } = parts;
  const attribute = (name: string, value: string) =>
    `<Attribute Name="https://aws.amazon.com/SAML/Attributes/${name}">` +
    `<AttributeValue>${value}</AttributeValue></Attribute>`;
  const [before, after] = [timeOf(-60_000), timeOf(300_000)];
  return (
    `<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="${parts.id ?? "_a1"}" Version="2.0" ` +
    `IssueInstant="${timeOf(-ageMs)}"><Issuer>${issuer}</Issuer><Subject>` +
    `<NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">${subject}</NameID>` +
    `<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">` +
    `<SubjectConfirmationData NotOnOrAfter="${after}" Recipient="${recipient}"/></SubjectConfirmation></Subject>` +
    `<Conditions NotBefore="${before}" NotOnOrAfter="${after}">` +
    `<AudienceRestriction><Audience>${audience}</Audience></AudienceRestriction></Conditions><AttributeStatement>` +
    attribute("Role", `${role},${PrincipalArn}`) +
    attribute("RoleSessionName", "ada@example.com") +
    attribute("PrincipalTag:team", "maths") +
    `</AttributeStatement></Assertion>`
  );
}
const response = (content: string, status = "Success") =>
  `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r1" Version="2.0"><samlp:Status>` +
  `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${status}"/></samlp:Status>${content}</samlp:Response>`;

/** Signs the element with this local name, as an identity provider does. */
function signed(xml: string, name: "Assertion" | "Response", keyPem = idp.keyPem, hash = "sha256"): string {
  const signer = new SignedXml({
    privateKey: keyPem,
    signatureAlgorithm:
      hash === "sha1"
        ? "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
        : "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: "http://www.w3.org/2001/10/xml-exc-c14n#",
  });
  signer.addReference({
    xpath: `//*[local-name(.)='${name}']`,
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
    transforms: [
      "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
      "http://www.w3.org/2001/10/xml-exc-c14n#",
    ],
  });
  signer.computeSignature(xml, { location: { reference: `//*[local-name(.)='${name}']`, action: "append" } });
  return signer.getSignedXml();
}
const exchange = (xml: string, more: Partial<sts.AssumeRoleWithSAMLRequest> = {}) =>
  anonymous.send(
    new sts.AssumeRoleWithSAMLCommand({
      ...{ RoleArn, PrincipalArn, SAMLAssertion: Buffer.from(xml).toString("base64") },
      ...more,
    }),
  );
const refused = (xml: string, name = "InvalidIdentityTokenException", more = {}) =>
  expect(exchange(xml, more)).rejects.toMatchObject({ name });

describe("a signed SAML response", () => {
  it("is exchanged for credentials of the role", async () => {
    for (const xml of [
      response(signed(assertion(), "Assertion")),
      signed(response(assertion()), "Response"),
    ]) {
      const answer = await exchange(xml, { DurationSeconds: 900 });
      expect(answer).toMatchObject({
        Subject: "ada",
        SubjectType: "persistent",
        Issuer: ISSUER,
        Audience: AWS,
      });
      const { AccessKeyId = "", SecretAccessKey = "", SessionToken } = answer.Credentials ?? {};
      const credentials = {
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretAccessKey,
        sessionToken: SessionToken,
      };
      const caller = await new sts.STSClient({ ...api.client(), credentials }).send(
        new sts.GetCallerIdentityCommand({}),
      );
      expect(caller.Arn).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/federated/ada@example.com`);
      expect(api.store.get("session", AccessKeyId)?.attributes?.tags).toEqual({ team: "maths" });
    }
  });

  it("gives no more than the session's policies allow", async () => {
    const document = (Action: string) =>
      JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource: "*" }] });
    const inline = { RoleName: "federated", PolicyName: "reads", PolicyDocument: document("iam:List*") };
    await root.send(new iam.PutRolePolicyCommand(inline));
    const listsUsers = async (more: Partial<sts.AssumeRoleWithSAMLRequest>) => {
      const { Credentials } = await exchange(response(signed(assertion(), "Assertion")), more);
      const credentials = {
        accessKeyId: Credentials?.AccessKeyId ?? "",
        secretAccessKey: Credentials?.SecretAccessKey ?? "",
        sessionToken: Credentials?.SessionToken ?? "",
      };
      return new iam.IAMClient({ ...api.client(), credentials }).send(new iam.ListUsersCommand({})).then(
        () => true,
        (thrown: Error) => thrown.name !== "AccessDenied",
      );
    };
    const reading = [{ arn: "arn:aws:iam::aws:policy/IAMReadOnlyAccess" }];
    const storing = [{ arn: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" }];
    expect(await listsUsers({})).toBe(true);
    expect(await listsUsers({ Policy: document("iam:ListUsers") })).toBe(true);
    expect(await listsUsers({ Policy: document("iam:ListRoles") })).toBe(false);
    expect(await listsUsers({ PolicyArns: reading })).toBe(true);
    expect(await listsUsers({ PolicyArns: storing })).toBe(false);
  });

  it("is refused for another role than it names, and where the role's conditions do not hold", async () => {
    const xml = response(signed(assertion(), "Assertion"));
    await refused(xml, "AccessDenied", { RoleArn: other });
    const strict = await createRole("strict", { StringEquals: { "SAML:sub": "grace" } });
    await refused(response(signed(assertion({ role: strict }), "Assertion")), "AccessDenied", {
      RoleArn: strict,
    });
    await refused(xml, "AccessDenied", { PrincipalArn: `${PrincipalArn}-of-nobody` });
  });
});

describe("a forged SAML response", () => {
  it("is refused without a signature, with another key, and with SHA-1", async () => {
    await refused(response(assertion()));
    await refused(response(signed(assertion(), "Assertion", attacker.keyPem)));
    await refused(response(signed(assertion(), "Assertion", idp.keyPem, "sha1")));
    await refused(response(signed(assertion(), "Assertion"), "Requester"));
    await refused("no XML");
  });

  it("is refused where something was changed after it was signed", async () => {
    const xml = response(signed(assertion(), "Assertion"));
    await refused(xml.replace(">ada<", ">grace<"));
    await refused(xml.replaceAll(RoleArn, other), "InvalidIdentityTokenException", { RoleArn: other });
    await refused(`<!DOCTYPE a [<!ENTITY b "c">]>${xml}`);
  });

  // The signed assertion is moved aside, and one of the attacker's takes its place.
  it("counts only by what its signature covers", async () => {
    const genuine = signed(assertion(), "Assertion");
    const evil = assertion({ role: other, subject: "grace", id: "_evil" });
    const asAdministrator = { RoleArn: other };
    const wrapped = [
      response(`${evil}${genuine}`),
      response(`${genuine}${evil}`),
      response(evil.replace("</Assertion>", `<Extra>${genuine}</Extra></Assertion>`)),
      response(
        evil.replace("</Issuer>", `</Issuer>${/<Signature[\s\S]*<\/Signature>/.exec(genuine)?.[0] ?? ""}`),
      ),
      response(assertion({ role: other }) + genuine),
    ];
    for (const xml of wrapped)
      await expect(exchange(xml, asAdministrator)).rejects.toMatchObject({
        name: expect.stringMatching(/^(?:AccessDenied|InvalidIdentityTokenException)$/) as string,
      });
  });

  it("is refused when it is old, for others, or from another issuer", async () => {
    const of = (parts: Parts) => response(signed(assertion(parts), "Assertion"));
    await refused(of({ ageMs: 301_000 }), "ExpiredTokenException");
    await refused(of({ ageMs: -600_000 }), "ExpiredTokenException");
    await refused(of({ audience: "https://elsewhere.example.com" }));
    await refused(of({ recipient: "https://elsewhere.example.com" }));
    await refused(of({ issuer: "https://other.example.com" }));
  });
});

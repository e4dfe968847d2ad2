import { gzipSync } from "node:zlib";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  type EC2Client,
} from "@aws-sdk/client-ec2";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  type IAMClient,
} from "@aws-sdk/client-iam";

/** A script that the bastion runs once. */
export const USER_DATA =
  '#!/bin/bash\necho "$(hostname) was set up" > /srv/user-data\necho A-SECRET-OF-THE-CONSOLE\n';

/** A MIME message, compressed: cloud-config and a script. */
export const CLOUD_CONFIG = gzipSync(`Content-Type: multipart/mixed; boundary="B"
MIME-Version: 1.0

--B
Content-Type: text/cloud-config

#cloud-config
hostname: stranger-1
timezone: Europe/Zurich
users: [default, { name: deploy, groups: admins, sudo: "ALL=(ALL) NOPASSWD:ALL" }]
write_files: [{ path: /etc/motd, content: "written once", permissions: 0640, owner: deploy, defer: true }]
bootcmd: ["echo a start >> /srv/starts"]
runcmd: [cd /srv, [sh, -c, 'hostname > "$1"', x, "the host's name"]]
final_message: every step is done
--B
Content-Type: text/x-include-url

http://169.254.169.254/
--B
Content-Type: text/x-shellscript; name="s"

#!/bin/sh
sudo -u deploy sudo id -u
--B--
`);

/** A rule that lets TCP in at a port, from everywhere or from a group. */
export const tcpFrom = (port: number, source: { readonly group?: string }) => ({
  ...{ IpProtocol: "tcp", FromPort: port, ToPort: port },
  ...(source.group === undefined
    ? { IpRanges: [{ CidrIp: "0.0.0.0/0" }] }
    : { UserIdGroupPairs: [{ GroupId: source.group }] }),
});

/** Creates a security group that lets ssh in. */
export async function newGroup(ec2: EC2Client, vpcId: string, name: string): Promise<string> {
  const { GroupId = "" } = await ec2.send(
    new CreateSecurityGroupCommand({ VpcId: vpcId, GroupName: name, Description: name }),
  );
  const IpPermissions = [tcpFrom(22, {})];
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  return GroupId;
}

/** Creates an instance profile with a role of the same name. */
export async function newProfile(iam: IAMClient, NAME: string): Promise<void> {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  };
  await iam.send(new CreateRoleCommand({ RoleName: NAME, AssumeRolePolicyDocument: JSON.stringify(trust) }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: NAME }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: NAME, RoleName: NAME }));
}

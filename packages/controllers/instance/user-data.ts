/**
 * The program that an instance runs once at its first start. Text that is no script is not run, and the
 * program says so.
 * Source: EC2 User Guide, "Run commands when you launch an EC2 instance with user data input".
 */
export function renderUserData(data: Buffer): string {
  const text = data.toString("utf8").replaceAll("\0", "");
  if (text.startsWith("#!")) return text;
  return "#!/bin/sh\necho 'The user data is not a shell script: it is not run.'\n";
}

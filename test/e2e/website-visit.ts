import type { Page } from "playwright-core";

/** What a visitor does on the website, by its form fields and buttons. */
export function visitOf(page: Page) {
  return {
    register: async (user: Readonly<Record<string, string>>): Promise<void> => {
      for (const [name, value] of Object.entries(user)) await page.fill(`input[name=${name}]`, value);
      await page.click("text=Register");
    },
    /** `place`: "s3", or "FS" for the file system. */
    upload: async (place: "s3" | "FS", name: string, bytes: Buffer): Promise<void> => {
      await page.check(`input[value=${place}]`);
      await page.setInputFiles("input[type=file]", {
        ...{ name, mimeType: "application/octet-stream" },
        buffer: bytes,
      });
      await page.click("button:has-text('Upload')");
      await page.waitForSelector(`a:has-text("${name}")`);
    },
    download: async (name: string): Promise<Buffer> => {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.click(`a:has-text("${name}")`),
      ]);
      const chunks: Buffer[] = [];
      // No encoding is set, so chunks are buffers.
      for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    /** Deletes a file, and waits until it is off the list. */
    remove: async (name: string): Promise<void> => {
      await page.click(`button[aria-label='Delete ${name}']`);
      await page.waitForSelector(`a:has-text('${name}')`, { state: "detached" });
    },
  };
}

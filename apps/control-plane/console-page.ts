/** The page at the console's address where the console is not built. */
export const CONSOLE_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Gantry</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color:#1b2733}code{background:#eef1f4;padding:.1em .3em;border-radius:3px}</style></head>
<body><h1>Gantry is up</h1><p>The console is not here yet. Until it is, the AWS CLI shows what runs:</p>
<p><code>eval "$(gantry env)"; aws ecs list-clusters</code></p></body></html>
`;

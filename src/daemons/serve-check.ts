import { serveAnswers } from './serve-answers.ts'

/** An HTTP server that says 200 or 503 at one path, as probes ask. */
export function serveCheck(
  { path, ...socket }: { readonly address: string; readonly port: number; readonly path: string },
  check: () => boolean,
): ReturnType<typeof serveAnswers> {
  return serveAnswers(socket, {
    [path]: () => (check() ? { code: 200, body: 'OK' } : { code: 503, body: 'not ready' }),
  })
}

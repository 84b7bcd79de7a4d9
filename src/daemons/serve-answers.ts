// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { createServer } = process.getBuiltinModule('node:http')

export interface Answer {
  readonly code: number
  /** `text/plain; charset=utf-8` by default. */
  readonly contentType?: string
  readonly body: string
}

/** An HTTP server of a few paths, each of which says how things are now. */
export async function serveAnswers(
  { address, port }: { readonly address: string; readonly port: number },
  paths: Readonly<Record<string, () => Answer | Promise<Answer>>>,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0] ?? ''
    const answer = await (Object.hasOwn(paths, path)
      ? paths[path]!()
      : { code: 404, body: 'not found' })
    const { code, contentType = 'text/plain; charset=utf-8', body } = answer
    response.writeHead(code, {
      'content-type': contentType,
      'x-content-type-options': 'nosniff',
    })
    response.end(body)
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, address, resolve)
  await promise
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

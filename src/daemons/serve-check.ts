// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { createServer } = process.getBuiltinModule('node:http')
/** An HTTP server that says 200 or 503 at one path, as probes ask. */
export async function serveCheck(
  {
    address,
    port,
    path,
  }: { readonly address: string; readonly port: number; readonly path: string },
  check: () => boolean,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((request, response) => {
    const code = request.url?.split('?')[0] === path ? (check() ? 200 : 503) : 404
    response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' })
    response.end(code === 200 ? 'OK' : code === 503 ? 'not ready' : 'not found')
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

import { writeFileSync } from 'node:fs'
import type { TestServer } from '#apiserver/testing/test-server.ts'

/** The administrator's way to a server. */
export function writeKubeconfig(path: string, { url, admin, authority }: TestServer): void {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  writeFileSync(
    path,
    JSON.stringify({
      'current-context': 'bench',
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
      clusters: [
        {
          name: 'bench',
          cluster: { server: url, 'certificate-authority-data': base64(authority.caPEM) },
        },
      ],
      users: [
        {
          name: 'bench',
          user: {
            'client-certificate-data': base64(admin.certPEM),
            'client-key-data': base64(admin.keyPEM),
          },
        },
      ],
    }),
  )
}

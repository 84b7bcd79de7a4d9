/**
 * Fails where a top folder of src/ imports one that it may not know (ARCHITECTURE.md, "The dependency rule"),
 * or imports another top folder by a relative path instead of its `#name/`. Checks this repository, or the one given.
 */
import { globSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'))
const base = ['ip', 'log']
const below = [...base, 'wire', 'kernel', 'api', 'client']
const layerModels = ['node-network', 'pod-network', 'service-network', 'external-access']

/** Folder → folders it may import whole. */
const whole: Readonly<Record<string, readonly string[]>> = {
  ip: [],
  log: [],
  wire: ['ip'],
  kernel: ['ip', 'wire'],
  api: ['ip'],
  client: [...base, 'api'],
  etcd: ['log'],
  apiserver: [...base, 'wire', 'api', 'etcd'],
  workloads: [...base, 'api', 'client'],
  'node-network': below,
  'node-agent': below,
  images: [...base, 'api', 'client'],
  'pod-network': [...below, 'etcd'],
  'service-network': below,
  'external-access': below,
  diagnose: [...below, ...layerModels],
  dashboard: [...below, ...layerModels, 'diagnose'],
  cluster: [...below, 'node-network', 'node-agent'],
  cli: [...below, ...layerModels, 'cluster', 'diagnose', 'dashboard', 'daemons'],
  testing: below,
}

/** A layer may read a lower layer's model, never its insides. */
function mayUse(from: string, to: string, path: string): boolean {
  if (from === 'daemons' || from === to) return true
  if (whole[from]?.includes(to)) return true
  const lower = layerModels.indexOf(to)
  const own = layerModels.indexOf(from)
  return lower >= 0 && own > lower && /(^|\/)model\.ts$/.test(path)
}

const findings: string[] = []
for (const file of globSync('src/**/*.ts', { cwd: root })) {
  const from = file.split('/')[1]!
  const isTest = file.endsWith('.test.ts') || file.includes('/testing/')
  const text = readFileSync(resolve(root, file), 'utf8')
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    if (target!.startsWith('#')) {
      const [, to, path] = /^#([^/]+)\/(.*)$/.exec(target!) ?? []
      if (to === from)
        findings.push(`${file}: import ${target} relatively, it is in the same folder`)
      else if (isTest && to === 'testing') continue
      else if (!to || !path || !mayUse(from, to, path))
        findings.push(`${file}: ${from}/ may not import ${target}`)
    } else if (target!.startsWith('.')) {
      const to = relative(root, resolve(root, file, '..', target!)).split('/')[1]
      if (to !== from)
        findings.push(`${file}: import ${target} as #${to}/…, it is in another folder`)
    }
  }
}
for (const finding of findings) console.error(finding)
if (findings.length > 0) process.exit(1)

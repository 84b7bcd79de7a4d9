import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const BUSYBOX_IMAGE = 'localhost/busybox:1'

const EPOCH = '1970-01-01T00:00:00Z'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** An image of Debian's busybox-static as an OCI layout in a tar, which `ctr images import` and `podman load` take: no registry. */
export function writeBusyboxImage(folder: string): string {
  const rootfs = join(folder, 'rootfs')
  mkdirSync(rootfs)
  const script = `cd "$1" && mkdir -p bin etc tmp root proc sys dev www && cp "$(command -v busybox)" bin/busybox &&
    for name in $(bin/busybox --list); do [ "$name" = busybox ] || ln -s busybox "bin/$name"; done &&
    echo root:x:0:0:root:/root:/bin/sh >etc/passwd && echo root:x:0: >etc/group && echo hello >www/index.html`
  run('sh', ['-ec', script, 'sh', rootfs])
  const layer = run('tar', ['-C', rootfs, '--owner=0', '--group=0', '-cf', '-', '.'])
  const config = json({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: EPOCH,
    // The shell does nothing until it is killed: a sandbox's process too.
    config: { Cmd: ['/bin/sleep', '2147483647'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [digest(layer)] },
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: digest(config), size: config.length },
    layers: [{ mediaType: LAYER, digest: digest(layer), size: layer.length }],
  })
  const layout = join(folder, 'layout')
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  for (const blob of [layer, config, manifest]) {
    writeFileSync(join(layout, 'blobs', digest(blob).replace(':', '/')), blob)
  }
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const annotations = {
    'io.containerd.image.name': BUSYBOX_IMAGE,
    'org.opencontainers.image.ref.name': BUSYBOX_IMAGE,
  }
  const entry = {
    mediaType: MANIFEST,
    digest: digest(manifest),
    size: manifest.length,
    annotations,
  }
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [entry] }))
  const file = join(folder, 'busybox.tar')
  run('tar', ['-C', layout, '-cf', file, 'oci-layout', 'index.json', 'blobs'])
  return file
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function digest(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function run(command: string, args: readonly string[]): Buffer {
  const { stdout, stderr, status } = spawnSync(command, args, { maxBuffer: 64 * 1024 * 1024 })
  if (status === 0) return stdout
  throw new Error(`Cannot make the busybox image: ${command} ended with ${status}: ${stderr}`)
}

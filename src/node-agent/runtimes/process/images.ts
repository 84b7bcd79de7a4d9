/** What the process runtime can run: programs of Fairlead and of the host, under names that look like images. */
export interface Image {
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
}

const NODE = '/opt/fairlead/bin/fairlead-node'

/**
 * Small heaps: an echo pod answers one line, and a cluster runs dozens of them. No flag that changes how code is compiled:
 * the compile cache would not fit then, and stripping types anew costs each process 20 MB.
 */
const SMALL = ['--max-old-space-size=32', '--max-semi-space-size=1']

/** Enough for the Services of a large cluster, and a young generation that is given back. */
const DAEMON = [NODE, '--max-semi-space-size=1', '/opt/fairlead/src/cli/main.ts']

const images: Readonly<Record<string, Image>> = {
  'fairlead.dev/echo': {
    entrypoint: [NODE, ...SMALL, '/opt/fairlead/src/images/echo.ts'],
    command: [],
    env: [],
  },
  'fairlead.dev/tools': {
    entrypoint: [],
    // A shell that ends at SIGTERM: process 1 of a PID namespace gets no signal that it does not handle.
    command: ['sh', '-c', "trap 'exit 0' TERM; sleep infinity & wait"],
    env: [],
  },
  'fairlead.dev/dns': { entrypoint: [...DAEMON, 'dns'], command: [], env: [] },
  'fairlead.dev/proxy': { entrypoint: [...DAEMON, 'proxy'], command: [], env: [] },
  'fairlead.dev/ingress': { entrypoint: [...DAEMON, 'ingress'], command: [], env: [] },
}

export const imageNames: readonly string[] = Object.keys(images)

/** Built-in images are part of the program: whatever tag or digest is asked for, this version's is what there is. */
export function findImage(reference: string): Image | undefined {
  const name = repositoryOf(reference)
  return Object.hasOwn(images, name) ? images[name] : undefined
}

/** `fairlead.dev/echo:1.2@sha256:…` → `fairlead.dev/echo`. A colon before the last slash is a registry's port. */
export function repositoryOf(reference: string): string {
  const withoutDigest = reference.split('@', 1)[0]!
  const colon = withoutDigest.indexOf(':', withoutDigest.lastIndexOf('/') + 1)
  return colon < 0 ? withoutDigest : withoutDigest.slice(0, colon)
}

/** As Docker does: a pod's `command` replaces the entrypoint and the image's command, `args` only the latter. */
export function argvOf(
  image: Image,
  command: readonly string[],
  args: readonly string[],
): readonly string[] {
  if (command.length > 0) return [...command, ...args]
  return [...image.entrypoint, ...(args.length > 0 ? args : image.command)]
}

import { posix } from 'node:path'
import type { HostTree } from './host-tree.ts'

/**
 * What a path of the container's root is:
 * `private`: a directory of the container's own, empty but for what is put there;
 * `host`: the host's directory or file of that path, bound read-only.
 */
export type RootNode =
  | { readonly kind: 'private'; readonly children: Map<string, RootNode> }
  | { readonly kind: 'host'; readonly path: string; readonly type: 'directory' | 'file' }
  | { readonly kind: 'link'; readonly target: string }
  /** An empty file, for something to be mounted on. */
  | { readonly kind: 'file' }
  /** A copy of the host's file, which the container may change. */
  | { readonly kind: 'copy'; readonly path: string }

export type PrivateNode = Extract<RootNode, { readonly kind: 'private' }>

export function privateDirectory(children: Readonly<Record<string, RootNode>> = {}): PrivateNode {
  return { kind: 'private', children: new Map(Object.entries(children)) }
}

/** The entry `name` of the host's `directory` as a node; nothing where the host has none. */
export function hostNode(host: HostTree, directory: string, name: string): RootNode | undefined {
  const entry = host.list(directory)?.find((candidate) => candidate.name === name)
  if (!entry) return undefined
  if (entry.kind === 'link') return { kind: 'link', target: entry.target }
  return { kind: 'host', path: posix.join(directory, name), type: entry.kind }
}

/** A private directory with the same entries as the host's, each bound by itself: room for further ones. */
export function openUp(host: HostTree, directory: string): PrivateNode {
  const children = new Map<string, RootNode>()
  for (const { name } of host.list(directory) ?? []) {
    const node = hostNode(host, directory, name)
    if (node) children.set(name, node)
  }
  return { kind: 'private', children }
}

const MAX_LINKS = 40 // as Linux (include/linux/namei.h MAXSYMLINKS)

/**
 * Makes a place to mount something on, opening up directories of the host that do not have it.
 * Links are followed inside the root. @returns the path without links
 */
export function makeMountPoint(
  root: PrivateNode,
  host: HostTree,
  path: string,
  type: 'directory' | 'file',
): string {
  let pending = posix.normalize(path).split('/').filter(Boolean)
  if (!path.startsWith('/') || pending.length === 0) {
    throw new RangeError(
      `Cannot mount at ${JSON.stringify(path)}: it is not an absolute path below /`,
    )
  }
  let node: PrivateNode = root
  let done: string[] = []
  for (let links = 0; pending.length > 0; ) {
    const [name, ...rest] = pending as [string, ...string[]]
    const child = node.children.get(name)
    if (child?.kind === 'link') {
      if (++links > MAX_LINKS) throw new RangeError(`Cannot mount at ${path}: too many links`)
      pending = posix
        .resolve(`/${done.join('/')}`, child.target)
        .split('/')
        .filter(Boolean)
        .concat(rest)
      node = root
      done = []
      continue
    }
    done.push(name)
    pending = rest
    if (rest.length === 0) {
      placeEnd(node, name, child, type, path)
      break
    }
    node = descend(node, host, name, child, path)
  }
  return `/${done.join('/')}`
}

function placeEnd(
  parent: PrivateNode,
  name: string,
  child: RootNode | undefined,
  type: 'directory' | 'file',
  path: string,
): void {
  const isDirectory =
    child && (child.kind === 'private' || (child.kind === 'host' && child.type === 'directory'))
  if (child && isDirectory !== (type === 'directory')) {
    throw new RangeError(
      `Cannot mount a ${type} at ${path}: there is a ${isDirectory ? 'directory' : 'file'}`,
    )
  }
  if (!child)
    parent.children.set(name, type === 'directory' ? privateDirectory() : { kind: 'file' })
}

function descend(
  parent: PrivateNode,
  host: HostTree,
  name: string,
  child: RootNode | undefined,
  path: string,
): PrivateNode {
  if (child?.kind === 'private') return child
  if (child && !(child.kind === 'host' && child.type === 'directory')) {
    throw new RangeError(`Cannot mount at ${path}: ${name} is a file`)
  }
  const opened = child?.kind === 'host' ? openUp(host, child.path) : privateDirectory()
  parent.children.set(name, opened)
  return opened
}

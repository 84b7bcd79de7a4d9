/** Parameters of requests, as kube-apiserver's OpenAPI names and types them; the words are ours. */
import type { JSONObject } from '../json.ts'

const inQuery = (name: string, type: string, description: string): JSONObject => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
})

export const inPath = (name: string, description: string): JSONObject => ({
  ...inQuery(name, 'string', description),
  in: 'path',
  required: true,
})

export const pretty = inQuery('pretty', 'string', 'Whether the answer is indented.')
const dryRun = inQuery('dryRun', 'string', 'All: do everything but storing.')

/** kubectl looks for the first and the last before it asks for a dry run or for field validation. */
export const writeParameters: readonly JSONObject[] = [
  dryRun,
  inQuery('fieldManager', 'string', 'Who changes the object, for managedFields.'),
  inQuery(
    'fieldValidation',
    'string',
    'What unknown and repeated fields lead to: Strict refuses them, Warn warns, Ignore does neither.',
  ),
]

export const patchParameters: readonly JSONObject[] = [
  ...writeParameters,
  inQuery('force', 'boolean', 'Takes fields from other managers. Only for apply patches.'),
]

export const listParameters: readonly JSONObject[] = [
  inQuery('allowWatchBookmarks', 'boolean', 'Whether a watch tells its revision now and then.'),
  inQuery('continue', 'string', 'Token of the next page, from the last one.'),
  inQuery('fieldSelector', 'string', 'Fields that objects must have.'),
  inQuery('labelSelector', 'string', 'Labels that objects must have.'),
  inQuery('limit', 'integer', 'Most objects in a page.'),
  inQuery('resourceVersion', 'string', 'Revision to list at, or to watch from.'),
  inQuery('resourceVersionMatch', 'string', 'Exact or NotOlderThan: how resourceVersion is meant.'),
  inQuery('sendInitialEvents', 'boolean', 'Whether a watch begins with what there is.'),
  inQuery('timeoutSeconds', 'integer', 'Seconds after which a watch ends.'),
  inQuery('watch', 'boolean', 'Watches for changes instead of listing.'),
]

export const deleteParameters: readonly JSONObject[] = [
  dryRun,
  inQuery('gracePeriodSeconds', 'integer', 'Seconds that the object may take to stop.'),
  inQuery(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'boolean',
    'Deletes what cannot be read any more. Dangerous.',
  ),
  inQuery('orphanDependents', 'boolean', 'Whether dependents stay. Deprecated.'),
  inQuery('propagationPolicy', 'string', 'Orphan, Background or Foreground.'),
]

const onlyWatched = ['allowWatchBookmarks', 'watch']

export const deleteCollectionParameters: readonly JSONObject[] = [
  ...listParameters.filter(({ name }) => !onlyWatched.includes(name as string)),
  ...deleteParameters,
]

const container = inQuery('container', 'string', 'The container, where there are several.')
const streams = [
  container,
  inQuery('stderr', 'boolean', 'Whether to take standard error.'),
  inQuery('stdin', 'boolean', 'Whether to send standard input.'),
  inQuery('stdout', 'boolean', 'Whether to take standard output.'),
  inQuery('tty', 'boolean', 'Whether the streams are a terminal.'),
]

/** What the addresses that lead into pods take, by subresource. */
export const connectParameters: Readonly<Record<string, readonly JSONObject[]>> = {
  attach: streams,
  exec: [inQuery('command', 'string', 'Program and arguments, each once.'), ...streams],
  log: [
    container,
    inQuery('follow', 'boolean', 'Goes on as the log grows.'),
    inQuery('insecureSkipTLSVerifyBackend', 'boolean', 'Trusts any certificate of the node.'),
    inQuery('limitBytes', 'integer', 'Most bytes to send.'),
    pretty,
    inQuery('previous', 'boolean', 'The log of the run before.'),
    inQuery('sinceSeconds', 'integer', 'Only lines not older.'),
    inQuery('stream', 'string', 'All, Stdout or Stderr.'),
    inQuery('tailLines', 'integer', 'Only so many lines from the end.'),
    inQuery('timestamps', 'boolean', 'Puts its time before each line.'),
  ],
  portforward: [inQuery('ports', 'integer', 'The ports, for WebSocket.')],
  proxy: [inQuery('path', 'string', 'Path of the request to send on.')],
}

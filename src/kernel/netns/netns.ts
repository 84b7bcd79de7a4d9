/**
 * A network namespace that is held open: `fd` names it to setns(2) and netlink, `inode` tells whether two are the same.
 * Implemented beside this file; see facts on setns in decisions/.
 */
export interface Netns extends Disposable {
  readonly path: string
  readonly fd: number
  readonly inode: bigint
}

import { closeSync, openSync } from 'node:fs'
import { kernelBackend } from '../backend.ts'
import type { Netns } from '../netns/netns.ts'
import type { Nft } from './nft.ts'
import { openNftCommand } from './nft-command.ts'
import { openNftLibrary } from './nft-library.ts'

/** libnftables waits for its socket by select(2), and glibc ends a process that calls it with a larger descriptor. A few below it for whoever comes between. */
const MOST_DESCRIPTORS = 1024 - 16

/** nftables of `netns` (by default the caller's). One writer a table: keep it open and use it for every commit. */
export function openNft(netns?: Netns): Nft {
  const hasLibrary = kernelBackend() === 'ffi' && nextDescriptor() < MOST_DESCRIPTORS
  return hasLibrary ? openNftLibrary(netns) : openNftCommand(netns)
}

/** The lowest that is free, which the next socket gets. */
function nextDescriptor(): number {
  const fd = openSync('/dev/null', 'r')
  closeSync(fd)
  return fd
}

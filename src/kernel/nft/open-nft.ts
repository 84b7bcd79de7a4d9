import { kernelBackend } from '../backend.ts'
import type { Netns } from '../netns/netns.ts'
import type { Nft } from './nft.ts'
import { openNftCommand } from './nft-command.ts'
import { openNftLibrary } from './nft-library.ts'

/** nftables of `netns` (by default the caller's). One writer a table: keep it open and use it for every commit. */
export function openNft(netns?: Netns): Nft {
  return kernelBackend() === 'ffi' ? openNftLibrary(netns) : openNftCommand(netns)
}

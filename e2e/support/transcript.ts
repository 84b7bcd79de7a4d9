/** One command of a document, and what the document says that it prints; `undefined` where it says nothing. */
export interface Example {
  readonly command: string
  readonly shown?: string
}

/** The commands behind `$ ` in ```console blocks, each with the lines below it. */
export function parseTranscripts(markdown: string): readonly Example[] {
  return blocksOf(markdown, 'console').flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...lines] = part.trimEnd().split('\n')
        return { command, ...(lines.length > 0 && { shown: lines.join('\n') }) }
      }),
  )
}

/** The lines of ```sh blocks that begin with one of `programs`. */
export function parseCommands(markdown: string, programs: readonly string[]): readonly Example[] {
  return blocksOf(markdown, 'sh').flatMap((block) =>
    block
      .split('\n')
      .filter((line) => programs.includes(line.split(' ', 1)[0]!))
      .map((command) => ({ command })),
  )
}

/** `…` stands for anything within its line, and alone on a line for any lines, also none. Blanks at the end of lines do not count. */
export function isShown(shown: string, printed: string): boolean {
  const pattern = shown
    .split('\n')
    .map((line) => line.trimEnd())
    .map((line) =>
      line === '…' ? '(?:.*\n)*' : `${line.split('…').map(RegExp.escape).join('.*')}\n`,
    )
    .join('')
  const text = printed.replaceAll(/[ \t]+$/gm, '').trimEnd()
  return new RegExp(`^${pattern}$`).test(`${text}\n`)
}

function blocksOf(markdown: string, language: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms')
  return [...markdown.matchAll(fence)].map(([, block]) => block!)
}

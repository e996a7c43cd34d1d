/** One image found in a byte stream, or one that was seen and cannot be used. */
export type SplitImage =
  | { readonly kind: 'image'; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'dropped'; readonly reason: 'corrupt' | 'oversized' };

/** Cuts a byte stream into images, whatever the chunks it comes in. Never throws on any bytes; memory is bounded. */
export interface ImageSplitter {
  /** Takes the next bytes (copied); gives the images that they complete, in order. */
  push(chunk: Uint8Array): SplitImage[];
  /** The stream is over: a half image is `corrupt`, whole ones in what was held come out. The splitter is then as new. */
  end(): SplitImage[];
}

/**
 * The ffmpeg command line that turns a clip or an RTSP stream into MJPEG on standard output. Colours are stretched to
 * JPEG's full range. `rate` thins the pictures out and never repeats one, for a repeated picture looks like a frozen
 * camera; a clip then plays at its own speed. `rate` null: every picture, a clip as fast as it is read.
 */
export function ffmpegArguments(
  input: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'rtsp'; readonly url: string },
  rate: number | null,
): readonly [string, ...string[]] {
  // `file:` keeps a path with a colon or a leading dash from being read as something else.
  const from =
    input.kind === 'file'
      ? [...(rate === null ? [] : ['-re']), '-i', `file:${input.path}`]
      : [
          '-rtsp_transport',
          'tcp',
          '-fflags',
          'nobuffer',
          '-fpsprobesize',
          '0',
          '-flags',
          'low_delay',
          '-i',
          input.url,
        ];
  // The half millisecond: time stamps of containers are rounded.
  const thinned =
    rate === null
      ? []
      : ['-vf', `select=isnan(prev_selected_t)+gte(t-prev_selected_t\\,${1 / rate - 0.0005})`];
  return [
    'ffmpeg',
    '-nostdin',
    '-hide_banner',
    '-loglevel',
    'error',
    ...from,
    '-map',
    '0:v:0',
    ...thinned,
    // Older ffmpeg knows only this name of the option. Without it pictures are repeated to keep a constant rate.
    '-vsync',
    'passthrough',
    '-pix_fmt',
    'yuvj420p',
    '-c:v',
    'mjpeg',
    '-q:v',
    '3',
    '-flush_packets',
    '1',
    '-f',
    'mjpeg',
    'pipe:1',
  ];
}

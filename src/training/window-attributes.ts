import type { OnnxAttribute } from './onnx-file.ts';

/** The window of a convolution, in pixels. */
export interface ConvWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** The attributes that `Conv` and `ConvTranspose` share. */
export function windowAttributes({ kernel, stride, padding }: ConvWindow): Record<string, OnnxAttribute> {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}

/** The attributes of `MaxPool` and `AveragePool`; pixels. */
export function poolAttributes(pool: {
  readonly size: number;
  readonly stride: number;
}): Record<string, OnnxAttribute> {
  return { kernel_shape: [pool.size, pool.size], strides: [pool.stride, pool.stride] };
}

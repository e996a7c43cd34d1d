/** Operator set of ONNX Runtime's own operators; `FusedMatMul` multiplies by a transpose without copying it. */
export const RUNTIME_DOMAIN = 'com.microsoft';

/**
 * Operator set of ONNX Runtime's blocked image layout: [batch, channels / block, height, width, block]. Its optimiser
 * uses these operators for networks with constant weights, and saved optimised models carry them.
 */
export const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
import { scenario } from './scenario.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

scenario(
  '12 each finding has its evidence: the still as the camera gave it, and an image with the words on it',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('crack-in-rust');
    await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    const opened = await stage.until('both findings', () => {
      const alerts = surface.all('alerts').filter(({ phase }) => phase === 'opened');
      return alerts.length === 2 ? alerts : null;
    });

    for (const { finding, evidence } of opened) {
      expect(evidence).not.toBeNull();
      const still = await readFile(join(stage.stateFolder, 'record', evidence?.file ?? ''));
      expect(sha256(still)).toBe(evidence?.sha256);
      // The film is of 160x120 pixels; nothing was drawn on it.
      expect(await sharp(still).metadata()).toMatchObject({ format: 'jpeg', width: 160, height: 120 });

      const image = await stage.until(`the image of ${finding}`, () =>
        surface.raw(`alerts/${finding}/image`).at(0),
      );
      expect(image.qos).toBe(1);
      const { payload, properties } = image;
      expect(properties.contentType).toBe('image/jpeg');
      expect(properties.userProperties).toMatchObject({
        finding,
        sha256: sha256(payload),
        historical: 'false',
      });
      const { width, height } = await sharp(payload).metadata();
      // Margins to 320 pixels and a band with words below.
      expect(width).toBe(320);
      expect(height).toBeGreaterThan(150);
      expect(payload.equals(still)).toBe(false);
      const pixels = await sharp(payload).removeAlpha().raw().toBuffer();
      const band = pixels.subarray((120 + 5) * 320 * 3);
      // Letters: bright strokes on a dark band.
      expect(band.some((value) => value > 200)).toBe(true);
      expect(band.filter((value) => value < 60).length).toBeGreaterThan(band.length / 2);
    }
    const [one, other] = opened.map(({ finding }) => surface.raw(`alerts/${finding}/image`)[0].payload);
    expect(one.equals(other)).toBe(false);
  },
);

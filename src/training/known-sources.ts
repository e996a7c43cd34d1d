/** What a collection of pictures is and under which licence it was used; for the model card. */
export interface KnownSource {
  readonly what: string;
  readonly licence: string;
}

const AMBIENT: KnownSource = { what: 'scanned materials of ambientCG', licence: 'CC0' };

/** By the prefix of file names. */
export const KNOWN_SOURCES: Readonly<Record<string, KnownSource>> = {
  meenal: {
    what: 'phone photos of rusty household and roof steel (Meenal-Sanghvi/Corrosion-Detection-using-YOLOv5)',
    licence: 'CC BY 4.0, as its author states',
  },
  acg: AMBIENT,
  acg8: AMBIENT,
  iitj: {
    what: 'cracked and sound plaster and concrete walls (shreekar2005/Video-Analysis, Roboflow iitj-gxmjr/crack-detection-qlrkm)',
    licence: 'CC BY 4.0, as its uploader claims',
  },
  metu8: {
    what: 'concrete of university buildings (Özgenel 2019, Concrete Crack Images for Classification, Mendeley Data 5y9wdsg2zt)',
    licence: 'CC BY 4.0',
  },
  pk8: { what: 'rock, sand and plate textures by Philip Klevestav', licence: 'CC BY 3.0' },
  ski8: { what: 'gravel, grass and brick of the scikit-image project', licence: 'CC0' },
  rendered: {
    what: "cracks, rust and harmless things drawn by SPECTA's own renderer onto the intact pictures and textures of the other sources, and onto drawn grounds",
    licence: 'that of the ground',
  },
  footage: {
    what: "frames of pipeline runs rendered by SPECTA's own renderer",
    licence: 'MIT, part of SPECTA',
  },
};

/** Which sources' pictures were cut from whole textures, by the prefix of the textures' names. */
const TEXTURES: Readonly<Record<string, readonly string[]>> = {
  acg: ['acg', 'acg8'],
  pk: ['pk8'],
  ski: ['ski8'],
};

/** The sources whose pictures may have been cut from a texture; its own prefix where nothing is known of it. */
export function sourcesOfTexture(prefix: string): readonly string[] {
  return TEXTURES[prefix] ?? [prefix];
}

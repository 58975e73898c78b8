/** PDFium, compiled to WebAssembly, as the Python code of edgehybrid calls it. */

import { init, type WrappedPdfiumModule } from "@embedpdf/pdfium";
import { lines, placesOf, type Box, type Rectangle } from "./places";

const NAME_BYTES = 128;
/** Bytes of the small buffer: a box of four floats, a matrix of six, a name and its flags. */
const SCRATCH = 4 * 8 + NAME_BYTES;
/** How PDFium lays out the pixels that a canvas wants: BGRA, turned to RGBA. */
const BGRA = 4, ANNOTATIONS = 1, REVERSE_BYTES = 16;
/** Pages are shown at most so many times as tall as wide. */
const TALLEST = 8;
/** Places on the screen are asked for on a page of so many pixels a side. */
const FINE = 1 << 16;

export interface Picture {
  width: number;
  height: number;
  pixels: Uint8ClampedArray<ArrayBuffer>;
}

interface Heap {
  HEAPU8: Uint8Array<ArrayBuffer>;
  HEAPF32: Float32Array;
  HEAPF64: Float64Array;
  HEAP32: Int32Array;
}

/** One open document at a time. */
export class Pdfium {
  private readonly scratch: number;
  private readonly reaches = new Map<number, [ascent: number, descent: number]>();
  private readonly fonts = new Map<string, number>();
  private readonly names: { name: Uint8Array; flags: number }[] = [];
  private data: Uint8Array = new Uint8Array();
  private held = 0;

  private constructor(private readonly m: WrappedPdfiumModule) {
    this.scratch = m.pdfium.wasmExports.malloc(SCRATCH);
  }

  static async start(wasm: Uint8Array<ArrayBuffer>): Promise<Pdfium> {
    const module = await init({ wasmBinary: wasm.buffer });
    module.FPDF_InitLibrary();
    return new Pdfium(module);
  }

  private get heap(): Heap {
    return this.m.pdfium as unknown as Heap; // its views are made anew when memory grows
  }

  /** The bytes that the next document is made of. */
  use(data: Uint8Array): void {
    this.data = data;
  }

  /** The functions that `pypdfium2.raw` has in Python, as far as edgehybrid calls them. */
  raw(): Record<string, unknown> {
    const m = this.m;
    return {
      FPDF_ERR_PASSWORD: 4,
      FPDF_PAGEOBJ_IMAGE: 3,
      FPDF_PAGEOBJ_FORM: 5,
      FPDF_LoadDocument: (_path: unknown, password: BytesProxy | null | undefined) =>
        this.open(password ? new TextDecoder().decode(password.toJs()) : ""),
      FPDF_CloseDocument: (document: number) => this.close(document),
      FPDF_GetLastError: () => m.FPDF_GetLastError(),
      FPDF_GetPageCount: (document: number) => m.FPDF_GetPageCount(document),
      FPDF_LoadPage: (document: number, index: number) => m.FPDF_LoadPage(document, index),
      FPDF_ClosePage: (page: number) => m.FPDF_ClosePage(page),
      FPDFPage_GetRotation: (page: number) => m.FPDFPage_GetRotation(page),
      FPDFPage_CountObjects: (page: number) => m.FPDFPage_CountObjects(page),
      FPDFPage_GetObject: (page: number, index: number) => m.FPDFPage_GetObject(page, index),
      FPDFPageObj_GetType: (item: number) => m.FPDFPageObj_GetType(item),
      FPDFFormObj_CountObjects: (item: number) => m.FPDFFormObj_CountObjects(item),
      FPDFFormObj_GetObject: (item: number, index: number) => m.FPDFFormObj_GetObject(item, index),
      FPDFText_LoadPage: (page: number) => m.FPDFText_LoadPage(page),
      FPDFText_ClosePage: (page: number) => m.FPDFText_ClosePage(page),
      FPDFText_CountChars: (page: number) => m.FPDFText_CountChars(page),
      FPDFText_GetCharIndexFromTextIndex: (page: number, place: number) =>
        m.FPDFText_GetCharIndexFromTextIndex(page, place),
      utf16: (page: number, count: number) => this.utf16(page, count),
      boxes: (page: number, count: number) => this.boxes(page, count),
      size: (page: number, index: number) => this.size(page, index),
      font: (page: number, index: number) => this.font(page, index),
      font_name: (font: number) => this.names[font]!.name,
      font_flags: (font: number) => this.names[font]!.flags,
    };
  }

  open(password: string): number {
    const at = this.m.pdfium.wasmExports.malloc(this.data.length);
    this.heap.HEAPU8.set(this.data, at);
    const document = this.m.FPDF_LoadMemDocument(at, this.data.length, password);
    this.reaches.clear(); // their keys are addresses
    if (document) this.held = at;
    else this.m.pdfium.wasmExports.free(at);
    return document;
  }

  close(document: number): void {
    this.m.FPDF_CloseDocument(document);
    this.m.pdfium.wasmExports.free(this.held);
    this.held = 0;
  }

  /** The text of a page in UTF-16, little-endian. */
  utf16(page: number, count: number): Uint8Array {
    const at = this.m.pdfium.wasmExports.malloc(2 * (count + 1));
    const written = Math.max(this.m.FPDFText_GetText(page, 0, count, at), 1);
    const text = this.heap.HEAPU8.slice(at, at + 2 * (written - 1));
    this.m.pdfium.wasmExports.free(at);
    return text;
  }

  /** Left, top, right and base of each of `count` characters, in points. */
  boxes(page: number, count: number): Float32Array {
    const boxes = new Float32Array(4 * count);
    for (let i = 0; i < count; i++) boxes.set(this.box(page, i), 4 * i);
    return boxes;
  }

  /**
   * The loose box of a character as the PDFium of Python's package gives it: as high as the ascent
   * and descent that its font declares, or as its shape. This build's is higher than either, and
   * the layout tells lines and columns by it.
   */
  private box(page: number, index: number): Rectangle {
    const { m, scratch } = this;
    m.FPDFText_GetLooseCharBox(page, index, scratch);
    const loose = this.floats(4) as Rectangle;
    const item = m.FPDFText_GetTextObject(page, index);
    if (!item || !m.FPDFText_GetMatrix(page, index, scratch)) return loose; // nobody drew it
    const [, b, c, d] = this.floats(4) as [number, number, number, number];
    if (b !== 0 || c !== 0) return loose;
    const [ascent, descent] = this.reach(m.FPDFTextObj_GetFont(item));
    if (ascent === descent) return loose;
    const scale = d * m.FPDFText_GetFontSize(page, index);
    m.FPDFText_GetCharOrigin(page, index, scratch, scratch + 8);
    const y = this.heap.HEAPF64[(scratch >> 3) + 1]!;
    m.FPDFText_GetCharBox(page, index, scratch, scratch + 8, scratch + 16, scratch + 24);
    const [low, high] = this.heap.HEAPF64.subarray((scratch >> 3) + 2, (scratch >> 3) + 4);
    const top = Math.max(y + ascent * scale, high!), base = Math.min(y + descent * scale, low!);
    return [loose[0], top, loose[2], base];
  }

  /** How far a font reaches over and under its line, for a size of 1. */
  private reach(font: number): [ascent: number, descent: number] {
    const known = this.reaches.get(font);
    if (known) return known;
    const { m, scratch } = this;
    m.FPDFFont_GetAscent(font, 1, scratch);
    m.FPDFFont_GetDescent(font, 1, scratch + 4);
    const found = this.floats(2) as [number, number];
    this.reaches.set(font, found);
    return found;
  }

  private floats(count: number): number[] {
    const place = this.scratch >> 2;
    return Array.from(this.heap.HEAPF32.subarray(place, place + count));
  }

  /** The font size of a character as drawn, in points. */
  size(page: number, index: number): number {
    const size = this.m.FPDFText_GetFontSize(page, index);
    if (!this.m.FPDFText_GetMatrix(page, index, this.scratch)) return size;
    const [, , c, d] = this.floats(4);
    return size * Math.hypot(c!, d!);
  }

  /** The number of a character's font; `font_name` and `font_flags` tell of it. */
  font(page: number, index: number): number {
    const { scratch, heap } = this;
    heap.HEAPU8[scratch + 8] = 0;
    this.m.FPDFText_GetFontInfo(page, index, scratch + 8, NAME_BYTES, scratch);
    const flags = this.heap.HEAP32[scratch >> 2]!;
    const bytes = this.heap.HEAPU8.subarray(scratch + 8, scratch + 8 + NAME_BYTES);
    const name = bytes.slice(0, bytes.indexOf(0) < 0 ? NAME_BYTES : bytes.indexOf(0));
    const key = `${flags} ${name.join()}`;
    const known = this.fonts.get(key);
    if (known !== undefined) return known;
    this.fonts.set(key, this.names.length);
    return this.names.push({ name, flags }) - 1;
  }

  /** A picture of a page (0-based), so many pixels wide. */
  draw(document: number, index: number, width: number): Picture {
    const { m } = this;
    return this.onPage(document, index, (page) => {
      const ratio = m.FPDF_GetPageHeightF(page) / m.FPDF_GetPageWidthF(page);
      const height = Math.max(Math.round(width * Math.min(ratio, TALLEST)), 1);
      const bitmap = m.FPDFBitmap_CreateEx(width, height, BGRA, 0, 0);
      m.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xffffffff);
      m.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, ANNOTATIONS | REVERSE_BYTES);
      const at = m.FPDFBitmap_GetBuffer(bitmap);
      const pixels = new Uint8ClampedArray(this.heap.HEAPU8.slice(at, at + 4 * width * height));
      m.FPDFBitmap_Destroy(bitmap);
      return { width, height, pixels };
    });
  }

  /** Where on a page (0-based) a sentence stands: a box for each of its lines, none if not found. */
  find(document: number, index: number, sentence: string): Box[] {
    const { m } = this;
    return this.onPage(document, index, (page) => {
      const textpage = m.FPDFText_LoadPage(page);
      const count = m.FPDFText_CountChars(textpage);
      const boxes = this.boxes(textpage, count);
      const characters = Array.from({ length: count }, (_, i) => m.FPDFText_GetUnicode(textpage, i));
      m.FPDFText_ClosePage(textpage);
      return lines(boxes, placesOf(sentence, characters)).map((line) => this.onScreen(page, line));
    });
  }

  /** A rectangle in points as a part of the page as it is shown, which may be turned. */
  private onScreen(page: number, [left, top, right, base]: Rectangle): Box {
    const corners = [[left, top], [right, base]].map(([x, y]) => {
      this.m.FPDF_PageToDevice(page, 0, 0, FINE, FINE, 0, x!, y!, this.scratch, this.scratch + 4);
      const place = this.scratch >> 2;
      return [this.heap.HEAP32[place]! / FINE, this.heap.HEAP32[place + 1]! / FINE] as const;
    });
    const [[x, y], [x2, y2]] = corners as [readonly [number, number], readonly [number, number]];
    return {
      left: Math.min(x, x2), top: Math.min(y, y2), right: Math.max(x, x2), bottom: Math.max(y, y2),
    };
  }

  private onPage<T>(document: number, index: number, use: (page: number) => T): T {
    const page = this.m.FPDF_LoadPage(document, index);
    if (!page) throw new Error(`page ${index + 1} cannot be shown`);
    try {
      return use(page);
    } finally {
      this.m.FPDF_ClosePage(page);
    }
  }
}

interface BytesProxy {
  toJs(): Uint8Array;
}

// Reading a QR code with the camera, where the browser itself can: nothing of what is seen leaves the device.

const PAUSE = 150; // milliseconds between two looks

export async function available() {
  if (!("BarcodeDetector" in globalThis) || !navigator.mediaDevices?.getUserMedia) return false;
  return readsQr();
}

async function readsQr() {
  return "BarcodeDetector" in globalThis && (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
}

/** Shows what the camera sees until a QR code is read; gives null once it is called off. */
export async function watch(video, called) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  try {
    video.srcObject = stream;
    await video.play();
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    while (!called.aborted) {
      const [code] = await detector.detect(video);
      if (code) return code.rawValue;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    return null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

/** Reads the one QR code of a picture on this device; gives null where that cannot be done here. */
export async function readPicture(file) {
  if (!(await readsQr())) return null;
  try {
    const codes = await new BarcodeDetector({ formats: ["qr_code"] }).detect(await createImageBitmap(file));
    return codes.length === 1 ? codes[0].rawValue : null;
  } catch {
    return null;
  }
}

import { keepSetting, setting } from './dom.js';

/** The page's words, English and Indonesian. What vehicles say (reasons) stays in the vehicle's own words. */
const WORDS = {
  skip: ['To the findings', 'Ke temuan'],
  console: ['console', 'konsol'],
  keys: ['Keys', 'Tombol'],
  notice: [
    'Screening aid: a person must look at the evidence before anything is decided. "Watching" says that the camera can see, not that the pipe is in view.',
    'Alat bantu penyaringan: bukti harus diperiksa orang sebelum diambil keputusan. "Mengamati" berarti kamera dapat melihat, bukan bahwa pipa tampak.',
  ],
  sound_on: ['Sound on', 'Suara hidup'],
  sound_off: ['Sound off', 'Suara mati'],
  sound_blocked: ['Sound: press once to allow', 'Suara: tekan sekali untuk mengizinkan'],
  broker_connected: ['Broker connected (MQTT {0})', 'Broker terhubung (MQTT {0})'],
  broker_denied: ['the broker hides: {0}', 'broker menyembunyikan: {0}'],
  broker_connecting: ['Connecting to the broker…', 'Menghubungi broker…'],
  broker_waiting: ['No broker: {0}', 'Tanpa broker: {0}'],
  left_unreadable: ['{0} messages could not be read', '{0} pesan tidak terbaca'],
  left_images: ['{0} old stills dropped for room', '{0} gambar lama dihapus'],
  left_again: ['the history failed {0} times', 'riwayat gagal {0} kali'],
  page_lost: [
    'This page has lost the console program. Nothing shown here is news. Trying again…',
    'Halaman ini kehilangan program konsol. Yang tampil di sini bukan berita baru. Mencoba lagi…',
  ],
  fleet: ['Vehicles', 'Wahana'],
  fleet_all: ['All vehicles', 'Semua wahana'],
  no_vehicles: ['No vehicle was heard on this broker yet.', 'Belum ada wahana terdengar di broker ini.'],
  heard_ago: ['heard {0} ago', 'terdengar {0} lalu'],
  heard_never: ['never heard by this console', 'belum pernah terdengar di konsol ini'],
  last_heard: ['Last heard', 'Terakhir terdengar'],
  watching: ['Watching', 'Mengamati'],
  watching_more: ['Frames are judged.', 'Gambar sedang dinilai.'],
  'cannot-see': ['Cannot see', 'Tidak dapat melihat'],
  blind: ['Blind', 'Buta'],
  'not-inspecting': ['Not inspecting', 'Tidak memeriksa'],
  'not-inspecting_more': [
    'No run is under way: nothing is recorded as found.',
    'Tidak ada pemeriksaan: tidak ada yang dicatat.',
  ],
  unknown: ['Not known', 'Tidak diketahui'],
  'never-heard': ['The vehicle has not said how it is.', 'Wahana belum memberi kabar.'],
  silent: [
    'It said it was there, but nothing has come for a while.',
    'Katanya hadir, tetapi lama tidak ada kabar.',
  ],
  offline: [
    'The broker has lost the vehicle. It may be inspecting still; what it finds arrives later.',
    'Broker kehilangan wahana. Mungkin masih memeriksa; temuannya tiba kemudian.',
  ],
  stopped: ['It was stopped in order.', 'Dihentikan dengan tertib.'],
  'no-broker': ['This console has no connection to the broker.', 'Konsol ini tidak terhubung ke broker.'],
  dark: ['too dark', 'terlalu gelap'],
  saturated: ['washed out by light', 'terlalu terang'],
  blurred: ['no sharp detail', 'kabur'],
  turbid: ['turbid water', 'air keruh'],
  frozen: ['the picture stands still', 'gambar membeku'],
  'no-signal': ['no picture', 'tanpa gambar'],
  state: ['State', 'Keadaan'],
  state_online: ['online', 'terhubung'],
  state_stopped: ['stopped', 'berhenti'],
  state_offline: ['offline', 'terputus'],
  last_told: [
    'What it told last; how it is now is not known:',
    'Kabar terakhirnya; keadaan sekarang tidak diketahui:',
  ],
  works: ['Works', 'Berfungsi'],
  cracks_count: ['{0} × crack', '{0} × retakan'],
  parts: ['Parts', 'Bagian'],
  camera: ['Camera', 'Kamera'],
  engine: ['Engine', 'Mesin'],
  light: ['Alert light', 'Lampu peringatan'],
  record: ['Record', 'Rekaman'],
  link: ['Link', 'Tautan'],
  position: ['Position', 'Posisi'],
  ok: ['works', 'berfungsi'],
  recovering: ['recovering', 'memulihkan'],
  failed: ['failed', 'gagal'],
  absent: ['not there', 'tidak ada'],
  not_told: ['not told yet', 'belum diberitahukan'],
  run: ['Run', 'Pemeriksaan'],
  run_none: ['none', 'tidak ada'],
  run_since: ['{0}, for {1}', '{0}, selama {1}'],
  run_ended: ['{0}, ended ({1})', '{0}, selesai ({1})'],
  run_start: ['Start run', 'Mulai pemeriksaan'],
  run_stop: ['Stop run', 'Hentikan pemeriksaan'],
  sure: ['Press again to do it', 'Tekan lagi untuk melakukan'],
  lamp_test: ['Lamp test', 'Uji lampu'],
  light_acknowledge: ['Acknowledge light', 'Akui lampu'],
  model: ['Model', 'Model'],
  model_none: ['no model runs', 'tidak ada model berjalan'],
  speed: ['Speed', 'Kecepatan'],
  fps: ['{0} frames a second', '{0} gambar per detik'],
  waiting: ['Waiting on board', 'Menunggu di wahana'],
  waiting_counts: ['{0} alerts, {1} images', '{0} peringatan, {1} gambar'],
  compared: ['Record compared', 'Rekaman dibandingkan'],
  compare_done: ['complete, {0} were missing', 'lengkap, {0} tadinya hilang'],
  compare_asking: ['asking the vehicle…', 'bertanya ke wahana…'],
  compare_waiting: ['not yet', 'belum'],
  compare_failed: ['not possible: {0}', 'tidak mungkin: {0}'],
  temperature: ['Temperature', 'Suhu'],
  clock: ['Clock', 'Jam'],
  synchronised: ['set', 'tepat'],
  unsynchronised: ['may drift', 'mungkin melenceng'],
  unset: ['never set: times are wrong', 'belum disetel: waktu salah'],
  shows_stopped: ['stopped', 'berhenti'],
  'shows_lamp-test': ['lamp test', 'uji lampu'],
  shows_crack: ['ON: a crack is in view', 'NYALA: retakan tampak'],
  shows_latched: ['ON until acknowledged: a crack was found', 'NYALA sampai diakui: ada retakan'],
  shows_holding: ['ON for a while after a crack', 'NYALA sebentar setelah retakan'],
  shows_corrosion: ['ON: corrosion is in view', 'NYALA: korosi tampak'],
  'shows_cannot-see': ['blinks: the vehicle cannot see', 'berkedip: wahana tidak dapat melihat'],
  shows_heartbeat: ['off, with a short blip: watching', 'mati, berkedip singkat: mengamati'],
  shows_dark: ['off', 'mati'],
  coverage: ['What the camera could see', 'Yang dapat dilihat kamera'],
  minutes: ['{0} min', '{0} mnt'],
  hours: ['{0} h', '{0} jam'],
  seen: ['watched', 'teramati'],
  blind_time: ['blind', 'buta'],
  lost: ['no camera', 'tanpa kamera'],
  no_word: ['no word or no run', 'tanpa kabar atau tanpa pemeriksaan'],
  along: ['Along the route', 'Sepanjang rute'],
  along_told: [
    'KP {0} to {1}: watched {2} km, blind {3} km, no camera {4} km',
    'KP {0} sampai {1}: teramati {2} km, buta {3} km, tanpa kamera {4} km',
  ],
  along_findings: ['Findings along the route: {0}', 'Temuan sepanjang rute: {0}'],
  along_more: ['{0} more, less urgent, are not drawn', '{0} lagi, kurang mendesak, tidak digambar'],
  along_finding: ['{0}, {1}, KP {2}', '{0}, {1}, KP {2}'],
  findings: ['Findings', 'Temuan'],
  findings_count: ['Findings: {0}', 'Temuan: {0}'],
  no_findings: [
    'Nothing is listed. That is no proof that nothing is there: look at what the camera could see.',
    'Tidak ada temuan. Itu bukan bukti bahwa tidak ada cacat: lihat apa yang dapat dilihat kamera.',
  ],
  filter_class: ['Class', 'Kelas'],
  filter_review: ['Review', 'Tinjauan'],
  filter_state: ['State', 'Keadaan'],
  all: ['all', 'semua'],
  crack: ['crack', 'retakan'],
  corrosion: ['corrosion', 'korosi'],
  intact: ['intact', 'utuh'],
  unsure: ['unsure', 'tidak yakin'],
  unreviewed: ['not reviewed', 'belum ditinjau'],
  confirmed: ['confirmed', 'dikonfirmasi'],
  rejected: ['rejected', 'ditolak'],
  open: ['open', 'terbuka'],
  closed: ['closed', 'tertutup'],
  interrupted: ['cut off', 'terputus'],
  unacknowledged: ['not acknowledged', 'belum diakui'],
  acknowledged: ['acknowledged', 'diakui'],
  order: ['Order', 'Urutan'],
  by_severity: ['worst first', 'terparah dulu'],
  by_time: ['newest first', 'terbaru dulu'],
  critical: ['critical', 'kritis'],
  high: ['high', 'tinggi'],
  medium: ['medium', 'sedang'],
  low: ['low', 'rendah'],
  late: ['sent late', 'terlambat'],
  acknowledge: ['Acknowledge', 'Akui'],
  acknowledge_all: ['Acknowledge all ({0})', 'Akui semua ({0})'],
  acknowledge_refused: [
    '{0} not acknowledged: the vehicle does not know them any more',
    '{0} tidak diakui: wahana tidak mengenalnya lagi',
  ],
  confirm: ['Confirm', 'Konfirmasi'],
  reject: ['Reject', 'Tolak'],
  note: ['Note', 'Catatan'],
  by: ['Your name', 'Nama Anda'],
  reviewed_by: ['{0} by {1}', '{0} oleh {1}'],
  somebody: ['somebody', 'seseorang'],
  choose: ['Choose a finding in the list.', 'Pilih temuan dalam daftar.'],
  still_of: ['Still of finding {0}: {1}', 'Gambar temuan {0}: {1}'],
  no_still: ['No still has arrived for this finding.', 'Belum ada gambar untuk temuan ini.'],
  probability: ['Probability', 'Probabilitas'],
  peak: ['peak {0}', 'puncak {0}'],
  curve: [
    'Probability while it was in view; line: threshold {0}',
    'Probabilitas selama tampak; garis: ambang {0}',
  ],
  no_curve: ['No live figures were heard while it was in view.', 'Tidak ada angka langsung saat tampak.'],
  opened: ['Seen first', 'Pertama tampak'],
  seen_for: ['Seen for', 'Tampak selama'],
  where: ['Where', 'Di mana'],
  no_position: ['position not known', 'posisi tidak diketahui'],
  depth: ['{0} m deep', 'kedalaman {0} m'],
  heading: ['heading {0}°', 'haluan {0}°'],
  fix_age: ['fix {0} old, from {1}', 'posisi {0} lalu, dari {1}'],
  judged_by: ['Judged by', 'Dinilai oleh'],
  evidence: ['Evidence, SHA-256', 'Bukti, SHA-256'],
  no_evidence: ['none kept', 'tidak disimpan'],
  advice: ['What to do', 'Tindakan'],
  still: ['Inspect a still', 'Periksa gambar'],
  still_drop: ['Drop a picture here, or choose one', 'Letakkan gambar di sini, atau pilih'],
  still_choose: ['Choose a picture', 'Pilih gambar'],
  still_judge: ['Judged by', 'Dinilai oleh'],
  still_here: ['this machine ({0})', 'mesin ini ({0})'],
  still_working: ['Judging {0}…', 'Menilai {0}…'],
  still_original: ['Original', 'Asli'],
  still_annotated: ['Annotated', 'Beranotasi'],
  still_by: ['{0} {1} on {2}, {3} ms', '{0} {1} di {2}, {3} md'],
  this_machine: ['this machine', 'mesin ini'],
  still_nobody: [
    'Nobody can judge pictures now: no vehicle is there, and the console was started without --model.',
    'Tidak ada yang dapat menilai: tidak ada wahana, dan konsol tanpa --model.',
  ],
  still_no_preview: [
    'This browser does not show such a file.',
    'Peramban ini tidak menampilkan berkas tersebut.',
  ],
  cannot_see: ['cannot see: {0}', 'tidak dapat melihat: {0}'],
  new_crack: ['CRACK on {0}', 'RETAKAN pada {0}'],
  done: ['done', 'selesai'],
  close: ['Close', 'Tutup'],
  version: ['SPECTA {0}', 'SPECTA {0}'],
  days: ['{0} d', '{0} hr'],
  seconds: ['{0} s', '{0} dtk'],
  help_move: [
    'Up, Down, Page, Home, End: move in the list',
    'Atas, Bawah, Page, Home, End: bergerak dalam daftar',
  ],
  help_vehicle: ['1 to 9: choose a vehicle; 0: all', '1 sampai 9: pilih wahana; 0: semua'],
  help_acknowledge: ['A: acknowledge the finding', 'A: akui temuan'],
  help_review: ['C: confirm, R: reject, N: write a note', 'C: konfirmasi, R: tolak, N: tulis catatan'],
  help_sound: ['S: sound on or off, L: language', 'S: suara, L: bahasa'],
  help_help: ['?: this list', '?: daftar ini'],
};

const LANGUAGES = ['en', 'id'];
let language = LANGUAGES.indexOf(setting('language', 'en')) === 1 ? 1 : 0;

/** `en` or `id`. */
export function languageCode() {
  return LANGUAGES[language];
}

/** Changes to the other language; what is on the page already is drawn anew by whoever calls. */
export function changeLanguage() {
  language = 1 - language;
  keepSetting('language', LANGUAGES[language]);
}

/** A word in the language chosen; a name that is none is shown as it is. */
export function word(name, ...values) {
  const found = WORDS[name]?.[language] ?? String(name);
  return found.replace(/\{(\d)\}/g, (_, place) => String(values[Number(place)] ?? ''));
}

/** Seconds for people: `8 s`, `3 min`, `2 h`, `4 d`. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return word('seconds', whole);
  if (whole < 5_400) return word('minutes', Math.round(whole / 60));
  if (whole < 172_800) return word('hours', Math.round(whole / 3_600));
  return word('days', Math.round(whole / 86_400));
}

/** A time of a vehicle: UTC to the second, the day only where it is not today's. */
export function clockTime(iso, now = new Date()) {
  const day = iso.slice(0, 10) === now.toISOString().slice(0, 10) ? '' : `${iso.slice(0, 10)} `;
  return `${day}${iso.slice(11, 19)} UTC`;
}

/** A probability as per cent, `93 %`. */
export function percent(probability) {
  return `${Math.round(probability * 100)} %`;
}

// Lines to paste for each player, with this collector's address and key filled in.

export interface Where {
  /** Beacons go here, key included. */
  beacon: string;
  key: string;
  hls: string;
  dash: string;
  /** Where sessions to be steered are opened. */
  sessions: string;
  sid: string;
  /** The content to play. */
  cid: string;
}

export interface Sample {
  name: string;
  title: string;
  /** What the lines do, and what this player does not send. */
  about: string;
  code: (where: Where) => string;
  /** Played on the Watch page and in our tests with this very configuration. */
  proven: boolean;
}

const EVENTS = "['ps', 'e', 't', 'bc', 'pr']";
const keys = (...more: string[]): string => `[${["sid", "cid", "v", "e", "ts", "sn", "sta", "br", "bl", "mtp", "pr", "ec", ...more].map((key) => `'${key}'`).join(", ")}]`;

export const SAMPLES: readonly Sample[] = [
  {
    name: "hls",
    title: "hls.js 1.7",
    about: "CMCD v2 event mode is built in from 1.7.0. It sends no live latency; the reporter callback adds it under a key of its own.",
    proven: true,
    code: ({ beacon, hls, sid, cid }) => `let reporter;
const hls = new Hls({
  cmcd: {
    version: 2,
    sessionId: '${sid}',          // leave it out in production: a new one for each playback
    contentId: '${cid}',
    eventTargets: [{
      url: '${beacon}',
      events: ${EVENTS},
      interval: 10,
      batchSize: 1,               // 5 or more for a large audience
      includeKeys: ${keys('com.tallylight-ltc')},
    }],
    reporterCallback: (it) => { reporter = it; },
  },
});
setInterval(() => hls.latency > 0 && reporter?.updateCustomData({
  'com.tallylight-ltc': Math.round(hls.latency * 1000),
}), 5000);
hls.loadSource('${hls}');
hls.attachMedia(document.querySelector('video'));`,
  },
  {
    name: "dash",
    title: "dash.js 5.2",
    about: "CMCD v2 event mode is built in from 5.2.0, live latency included. An error code is repeated on every later report; it counts once.",
    proven: true,
    code: ({ beacon, dash, sid, cid }) => `const player = dashjs.MediaPlayer().create();
player.updateSettings({ streaming: { cmcd: {
  enabled: true,
  version: 2,
  sid: '${sid}',                  // null in production: a new one for each playback
  cid: '${cid}',
  applyParametersFromMpd: false,
  eventTargets: [{
    enabled: true,
    url: '${beacon}',
    events: ['ps', 'e', 't'],
    interval: 10,
    batchSize: 1,                 // 5 or more for a large audience
    enabledKeys: ${keys('ltc', 'msd')},
  }],
}, cmsd: {
  enabled: true,
  abr: { applyMb: true },         // so that steering can cap it (docs/steering.md)
} } });
player.initialize(document.querySelector('video'), '${dash}', true);`,
  },
  {
    name: "shaka",
    title: "Shaka 5.2",
    about: "Event mode is built in from 5.2 and marked experimental. The release builds of 5.2.12 leave `sta` out of every report (the build renames it), so the last lines send the states; without them a session has no start-up and no rebuffering.",
    proven: true,
    code: ({ beacon, dash, sid, cid }) => `const video = document.querySelector('video');
const player = new shaka.Player();
await player.attach(video);

let sn = 0, sta;
player.getNetworkingEngine().registerRequestFilter((type, request) => {
  if (type !== shaka.net.NetworkingEngine.RequestType.CMCD) return;
  const line = new TextDecoder().decode(request.body).trim().replace(/sn=\\d+/, () => 'sn=' + sn++);
  request.body = new TextEncoder().encode(line + ',sta=' + sta).buffer;
});
function state(to) {
  if (to === sta) return;
  sta = to;
  fetch('${beacon}', {
    method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/cmcd' },
    body: 'cid="${cid}",e=ps,sid="${sid}",sn=' + sn++ + ',sta=' + to + ',ts=' + Date.now() + ',v=2',
  });
}
state('s');
video.addEventListener('playing', () => state('p'));
video.addEventListener('waiting', () => state(sta === 's' ? 's' : 'r'));
video.addEventListener('pause', () => state('a'));
addEventListener('pagehide', () => state('q'));

player.configure({ cmcd: {
  enabled: true,
  version: 2,
  useHeaders: false,
  sessionId: '${sid}',            // '' in production: a new one for each playback
  contentId: '${cid}',
  eventTargets: [{
    mode: 'event',
    enabled: true,
    useHeaders: false,
    url: '${beacon}',
    events: ['ps', 'e', 't', 'bc'],
    interval: 10,
    batchSize: 1,                 // must stay 1: the filter above edits one line
    includeKeys: ${keys()},
  }],
} });
await player.load('${dash}');`,
  },
  {
    name: "exo",
    title: "ExoPlayer (Media3)",
    about: "Media3 has CMCD v1 on requests only, so a listener reports the states. Written against Media3 1.11 and not run by our tests.",
    proven: false,
    code: ({ beacon, hls, sid, cid }) => `class TallylightListener(
    private val player: ExoPlayer,
    private val sid: String = "${sid}",        // UUID.randomUUID().toString() in production
    private val cid: String = "${cid}",
) : Player.Listener {
    private val sender = Executors.newSingleThreadScheduledExecutor()
    private val main = Handler(player.applicationLooper)
    private var sn = 0
    private var sta = "s"
    private var shown = false

    init {
        report("ps")
        sender.scheduleWithFixedDelay({ main.post { report("t") } }, 10, 10, TimeUnit.SECONDS)
    }

    override fun onEvents(p: Player, events: Player.Events) {
        val now = when {
            p.playerError != null -> "f"
            p.playbackState == Player.STATE_ENDED -> "e"
            p.playbackState == Player.STATE_BUFFERING -> if (shown) "r" else "s"
            !p.playWhenReady -> "a"
            p.isPlaying -> "p"
            else -> sta
        }
        if (now == "p") shown = true
        if (now != sta) { sta = now; report("ps") }
    }

    fun release() { sta = "q"; report("ps"); sender.shutdown() }

    private fun report(event: String) {
        val fields = mutableListOf(
            "cid=\\"$cid\\"", "e=$event", "sid=\\"$sid\\"", "sn=\${sn++}", "sta=$sta",
            "ts=\${System.currentTimeMillis()}", "v=2", "bl=(\${player.totalBufferedDuration})")
        player.videoFormat?.bitrate?.takeIf { it > 0 }?.let { fields += "br=(\${it / 1000})" }
        player.currentLiveOffset.takeIf { it != C.TIME_UNSET }?.let { fields += "ltc=$it" }
        player.playerError?.let { fields += "ec=(\\"\${it.errorCodeName}\\")" }
        val body = fields.joinToString(",")
        sender.execute { runCatching {
            (URL("${beacon}").openConnection() as HttpURLConnection).run {
                requestMethod = "POST"; doOutput = true
                setRequestProperty("Content-Type", "application/cmcd")
                outputStream.use { it.write(body.toByteArray()) }
                responseCode
            }
        } }
    }
}

player.addListener(TallylightListener(player))
player.setMediaItem(MediaItem.fromUri("${hls}"))`,
  },
  {
    name: "av",
    title: "AVPlayer",
    about: "AVPlayer sends CMCD v1 as request headers only, so an observer reports the states. Written against iOS 18 and not run by our tests.",
    proven: false,
    code: ({ beacon, hls, sid, cid }) => `final class TallylightObserver {
    private let player: AVPlayer
    private let sid = "${sid}"                 // UUID().uuidString in production
    private let cid = "${cid}"
    private var sn = 0, sta = "s", shown = false
    private var watch: [NSKeyValueObservation] = []
    private var timer: Timer?

    init(_ player: AVPlayer) {
        self.player = player
        report("ps")
        watch = [
            player.observe(\\.timeControlStatus) { [weak self] _, _ in self?.look() },
            player.observe(\\.currentItem?.status) { [weak self] _, _ in self?.look() },
        ]
        timer = .scheduledTimer(withTimeInterval: 10, repeats: true) { [weak self] _ in self?.report("t") }
    }

    private func look() {
        var now = sta
        if player.currentItem?.status == .failed { now = "f" }
        else {
            switch player.timeControlStatus {
            case .playing: now = "p"; shown = true
            case .waitingToPlayAtSpecifiedRate: now = shown ? "r" : "s"
            default: now = shown ? "a" : "s"
            }
        }
        if now != sta { sta = now; report("ps") }
    }

    func close() { timer?.invalidate(); sta = "q"; report("ps") }

    private func report(_ event: String) {
        var fields = ["cid=\\"\\(cid)\\"", "e=\\(event)", "sid=\\"\\(sid)\\"", "sn=\\(sn)", "sta=\\(sta)",
                      "ts=\\(Int(Date().timeIntervalSince1970 * 1000))", "v=2"]
        sn += 1
        if let rate = player.currentItem?.accessLog()?.events.last?.indicatedBitrate, rate > 0 {
            fields.append("br=(\\(Int(rate / 1000)))")
        }
        if let shownDate = player.currentItem?.currentDate() {
            fields.append("ltc=\\(Int(Date().timeIntervalSince(shownDate) * 1000))")
        }
        if let error = player.currentItem?.error as NSError? { fields.append("ec=(\\"\\(error.code)\\")") }
        var request = URLRequest(url: URL(string: "${beacon}")!)
        request.httpMethod = "POST"
        request.setValue("application/cmcd", forHTTPHeaderField: "Content-Type")
        request.httpBody = fields.joined(separator: ",").data(using: .utf8)
        URLSession.shared.dataTask(with: request).resume()
    }
}

let player = AVPlayer(url: URL(string: "${hls}")!)
let observer = TallylightObserver(player)
player.play()`,
  },
  {
    name: "curl",
    title: "curl",
    about: "One viewer by hand: starting, then playing a second later.",
    proven: true,
    code: ({ beacon, sid, cid }) => `send() {
  curl -sS -i '${beacon}' -H 'Content-Type: application/cmcd' --data-binary "$1"
}
now() { echo $(($(date +%s%N) / 1000000)); }

send "cid=\\"${cid}\\",e=ps,sid=\\"${sid}\\",sn=0,sta=s,ts=$(now),v=2"
sleep 1
send "br=(600;v),cid=\\"${cid}\\",e=ps,sid=\\"${sid}\\",sn=1,sta=p,ts=$(now),v=2"`,
  },
];

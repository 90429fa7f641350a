import java.io.PrintWriter;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;

/**
 * W1 in Flink SQL, streaming: windows by event time with a watermark a second behind. State is on the
 * heap, objects are reused, and there are no checkpoints: ours makes none in W1 either.
 */
public final class FlinkW1 {
    private static final String SOURCE =
            """
            CREATE TABLE events (
                ts BIGINT, cid STRING, `com.example-cdn` STRING, `com.tallylight-country` STRING,
                br BIGINT, bl BIGINT, ltc BIGINT,
                t AS TO_TIMESTAMP_LTZ(ts, 3),
                WATERMARK FOR t AS t - INTERVAL '1' SECOND
            ) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = '%s')
            """;

    private static final String WINDOWS =
            """
            SELECT window_start, cid, `com.example-cdn`, `com.tallylight-country`,
                   COUNT(*), SUM(br), SUM(bl), MAX(ltc)
            FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(t), INTERVAL '1' SECOND))
            GROUP BY window_start, window_end, cid, `com.example-cdn`, `com.tallylight-country`
            """;

    private FlinkW1() {}

    public static void main(String[] args) throws Exception {
        Configuration settings = new Configuration();
        settings.setString("parallelism.default", "1");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("table.local-time-zone", "UTC");
        TableEnvironment flink =
                TableEnvironment.create(
                        EnvironmentSettings.newInstance()
                                .inStreamingMode()
                                .withConfiguration(settings)
                                .build());
        flink.executeSql(SOURCE.formatted(args[0]));
        try (var rows = flink.executeSql(WINDOWS).collect();
                var out = new PrintWriter(args[1], "UTF-8")) {
            out.println("second,title,cdn,country,count,kbps,buffer_ms,latency_ms");
            rows.forEachRemaining(row -> out.println(line(row)));
        }
    }

    private static String line(Row row) {
        LocalDateTime second = (LocalDateTime) row.getField(0);
        StringBuilder line = new StringBuilder().append(second.toEpochSecond(ZoneOffset.UTC));
        for (int at = 1; at < row.getArity(); at++) {
            line.append(',').append(row.getField(at));
        }
        return line.toString();
    }
}

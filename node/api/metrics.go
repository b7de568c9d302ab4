package api

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"            // counts for whoever watches many devices
	"github.com/prometheus/client_golang/prometheus/collectors" // memory, goroutines, files
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are counted for one server: no two in a process share them.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	handler  http.Handler
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "musafir_http_requests_total", Help: "Requests answered.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "musafir_http_request_seconds", Help: "Time to answer, but for streams.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"method", "route"}),
	}
	r := prometheus.NewRegistry()
	r.MustRegister(m.requests, m.seconds, &deviceMetrics{s.backend},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn)})
	return m
}

// streams last as long as their readers wish.
var streams = map[string]bool{"/v1/changes": true, "/v1/export": true, "/v1/import": true}

func (m *metrics) observe(r *http.Request, status int, took time.Duration) {
	method := r.Method
	if !knownMethods[method] {
		method = "other" // a label must not be for the client to choose
	}
	m.requests.WithLabelValues(method, r.Pattern, strconv.Itoa(status)).Inc()
	if r.Pattern != "" && !streams[r.Pattern] {
		m.seconds.WithLabelValues(method, r.Pattern).Observe(took.Seconds())
	}
}

var knownMethods = func() map[string]bool {
	known := map[string]bool{}
	for _, r := range routes {
		known[r.method] = true
	}
	return known
}()

func (s *Server) serveMetrics(c *call) error {
	s.metrics.handler.ServeHTTP(c.w, c.r)
	return nil
}

// deviceMetrics are read when they are asked for.
type deviceMetrics struct{ backend Backend }

var (
	descEntries     = describe("musafir_entries", "Entries held.")
	descRecords     = describe("musafir_records", "Live records of ordinary collections.")
	descConflicts   = describe("musafir_conflicts", "Fields in conflict.")
	descQuarantined = describe("musafir_quarantined", "Entries held and not merged.")
	descPosition    = describe("musafir_feed_position", "Last position of the change feed.")
	descFree        = describe("musafir_disk_free_bytes", "Free on the disk of the data directory.")
	descUsed        = describe("musafir_disk_used_bytes", "Taken by the data directory.")
	descFull        = describe("musafir_disk_full", "1 if writes are refused for want of space.")
)

func describe(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

func (d *deviceMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, x := range []*prometheus.Desc{descEntries, descRecords, descConflicts, descQuarantined, descPosition, descFree, descUsed, descFull} {
		ch <- x
	}
}

func (d *deviceMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(x *prometheus.Desc, v uint64) {
		ch <- prometheus.MustNewConstMetric(x, prometheus.GaugeValue, float64(v))
	}
	entries, records, conflicts, quarantined := d.backend.Counts()
	gauge(descEntries, entries)
	gauge(descRecords, records)
	gauge(descConflicts, conflicts)
	gauge(descQuarantined, quarantined)
	_, position := d.backend.Feed()
	gauge(descPosition, position)
	free, used, full := d.backend.Disk()
	gauge(descFree, free)
	gauge(descUsed, used)
	if full {
		gauge(descFull, 1)
	} else {
		gauge(descFull, 0)
	}
}

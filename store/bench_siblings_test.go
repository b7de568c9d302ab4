package store_test

import (
	"context"
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"musafir/store/storetest"
)

// BenchmarkSiblings is what a record costs that has very many living versions of
// one field, under the memory limit of a tablet: taking one more alone, reading
// the record, its history, verifying and rebuilding the whole store.
func BenchmarkSiblings(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprint("n=", n), func(b *testing.B) {
			d, device, err := deviceIn(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			debug.SetMemoryLimit(128 << 20)
			c := storetest.Crowds["siblings"]
			items := c.Write(b, device, n)
			peak := 0
			step := func(name string, times int, f func() error) {
				start := time.Now()
				for range times {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(time.Since(start).Microseconds())/1000/float64(times), name+"-ms")
				peak = max(peak, anonMB())
			}
			step("bulk", 1, func() error { device.TakeAll(b, items); return nil })
			items, device.Items = nil, nil
			step("one-more", max(b.N, 20), func() error { device.TakeAll(b, c.Write(b, device, 1)); return nil })
			step("record", 5, func() error {
				r, err := d.Record(crowded)
				r.View()
				return err
			})
			step("history", 5, func() error { _, err := d.Touches(crowded); return err })
			step("edit", 5, func() error {
				device.Put(b, crowded.Collection, crowded.ID, "phone", fmt.Sprint(device.Now()))
				return nil
			})
			step("verify", 1, func() error { _, err := d.Verify(context.Background(), nil); return err })
			step("rebuild", 1, d.Rebuild)
			b.ReportMetric(float64(peak), "MB-anon")
			b.ReportMetric(0, "ns/op")
		})
	}
}

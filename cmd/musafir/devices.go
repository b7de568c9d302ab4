package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"musafir/node/api"
)

type devicesDoc struct {
	Devices []api.Device `json:"devices"`
}

func (a *app) devicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "devices",
		Short: "List the devices of the camp",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(cl *client) error {
				doc, err := cl.call(c.Context(), http.MethodGet, "/v1/devices", nil)
				if err != nil {
					return err
				}
				return answer(a, doc, printDevices)
			})
		},
	}
}

func printDevices(w io.Writer, doc devicesDoc) {
	names := doc.names()
	for _, d := range doc.Devices {
		self := ""
		if d.Self {
			self = "\tthis device"
		}
		by := "made the camp"
		if d.By != "" {
			by = "admitted by " + names.of(d.By)
		}
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s%s\n", printable(d.Name), d.Role, by, localText(d.Admitted), d.ID, self)
	}
}

// localText is a time of the API in local time.
func localText(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return localTime(t)
}

// deviceNames are what people call the devices, by id.
type deviceNames map[string]string

// names gives those of the same name the end of their id too.
func (doc *devicesDoc) names() deviceNames {
	count := map[string]int{}
	for _, d := range doc.Devices {
		count[d.Name]++
	}
	names := deviceNames{}
	for _, d := range doc.Devices {
		name := printable(d.Name)
		if count[d.Name] > 1 {
			name += " (" + idEnd(d.ID) + ")"
		}
		for _, id := range append(d.Former, d.ID) {
			names[id] = name
		}
	}
	return names
}

// of is a device's name, or the end of its id where it has none.
func (n deviceNames) of(id string) string {
	if name := n[id]; name != "" {
		return name
	}
	return idEnd(id)
}

// idEnd tells devices apart: ids begin alike.
func idEnd(id string) string { return "..." + id[max(0, len(id)-6):] }

// names are those of the camp's devices; none where the answer is printed as it is.
func (a *app) names(ctx context.Context, c *client) (deviceNames, error) {
	if a.json {
		return nil, nil
	}
	raw, err := c.call(ctx, http.MethodGet, "/v1/devices", nil)
	if err != nil {
		return nil, err
	}
	var doc devicesDoc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("read musafir's answer: %w", err)
	}
	return doc.names(), nil
}

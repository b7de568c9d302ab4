package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A route is one row of the API.
type route struct {
	method, path string
	query        []string // the parameters it takes
	do           func(*Server, *call) error
}

const healthPath = "/healthz" // the only one that needs no token

var routes = []route{
	{"GET", "/v1/status", nil, (*Server).status},
	{"GET", "/v1/records/{collection}", []string{"where", "limit", "cursor"}, (*Server).list},
	{"POST", "/v1/records/{collection}", nil, (*Server).create},
	{"GET", "/v1/records/{collection}/{id}", []string{"at"}, (*Server).get},
	{"PUT", "/v1/records/{collection}/{id}", nil, (*Server).put},
	{"PATCH", "/v1/records/{collection}/{id}", nil, (*Server).patch},
	{"DELETE", "/v1/records/{collection}/{id}", nil, (*Server).delete},
	{"POST", "/v1/records/{collection}/{id}/undelete", nil, (*Server).undelete},
	{"GET", "/v1/records/{collection}/{id}/history", nil, (*Server).history},
	{"POST", "/v1/records/{collection}/{id}/resolve", nil, (*Server).resolve},
	{"POST", "/v1/transactions", nil, (*Server).transact},
	{"POST", "/v1/import", []string{"atomic"}, (*Server).importLines},
	{"GET", "/v1/export", []string{"collection"}, (*Server).export},
	{"GET", "/v1/conflicts", []string{"limit", "cursor"}, (*Server).conflicts},
	{"GET", "/v1/quarantine", nil, (*Server).quarantine},
	{"GET", "/v1/changes", []string{"since", "collection", "follow"}, (*Server).changes},
	{"GET", "/v1/peers", nil, (*Server).peers},
	{"GET", "/v1/devices", nil, (*Server).devices},
	{"POST", "/v1/verify", nil, (*Server).verifyAll},
	{"GET", "/metrics", nil, (*Server).serveMetrics},
	{"GET", healthPath, nil, (*Server).health},
	{"GET", "/openapi.json", nil, (*Server).serveOpenAPI},
}

func routesByPath() map[string]map[string]*route {
	paths := map[string]map[string]*route{"/": {}}
	for i := range routes {
		r := &routes[i]
		if paths[r.path] == nil {
			paths[r.path] = map[string]*route{}
		}
		paths[r.path][r.method] = r
	}
	return paths
}

// A resource answers at one path. The one at "/" has no methods: it stands for
// all paths that there are not.
type resource struct {
	s       *Server
	methods map[string]*route
}

func (x *resource) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := rw.(*response)
	if err := x.serve(w, r); err != nil {
		x.s.fail(w, r, err)
	}
}

func (x *resource) serve(w *response, r *http.Request) error {
	if len(x.methods) == 0 {
		return &problem{Status: http.StatusNotFound, Detail: "There is nothing at this path. /openapi.json lists what there is."}
	}
	route := x.methods[r.Method]
	if route == nil {
		allowed := make([]string, 0, len(x.methods))
		for m := range x.methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &problem{Status: http.StatusMethodNotAllowed, Detail: "This path takes " + strings.Join(allowed, ", ") + "."}
	}
	query, err := route.parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return route.do(x.s, &call{w: w, r: r, query: query})
}

// parseQuery refuses what the route does not know, so that a misspelt parameter
// is not taken for none.
func (x *route) parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("The query string is malformed.")
	}
	for name, values := range query {
		if !slices.Contains(x.query, name) {
			return nil, badRequest("There is no parameter %q here%s.", name, listed(x.query))
		}
		if len(values) > 1 && name != "where" {
			return nil, badRequest("The parameter %q stands in the query more than once.", name)
		}
	}
	return query, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; there is " + strings.Join(names, ", ")
}

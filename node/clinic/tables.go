package clinic

import (
	"slices"
	"strings"
)

// A Kind is what the app's database takes in a column. Whatever else stands there it
// replaces by nothing, without a word.
type Kind byte

// Kinds of columns.
const (
	Text   Kind = 'S'
	Number Kind = 'N' // of times: milliseconds since 1970
	Bool   Kind = 'B'
	JSON   Kind = 'J' // a document, held as text
)

// A Column is one of a table.
type Column struct {
	Name     string
	Kind     Kind
	Optional bool // it may be null
}

// A Table is one that the app has. It fails to sync for good if it gets a row of any
// other.
type Table struct {
	Name    string
	Columns []Column // but the id
	Pushed  bool     // phones send rows of it

	at map[string]int // columns by name
}

// Tables are those of the app's schema 9, in an order in which no row comes before one
// that it names. The app's peers, which hold keys, and its event_logs are never sent
// to a phone.
var Tables = readTables(`
clinics*                      name updated_at:N created_at:N is_deleted:B deleted_at:N? is_archived:B
users*                        clinic_id name role email created_at:N updated_at:N is_deleted:B deleted_at:N?
user_clinic_permissions       user_id clinic_id can_register_patients:B can_view_history:B can_edit_records:B can_delete_records:B
                              is_clinic_admin:B created_by? last_modified_by? created_at:N updated_at:N can_edit_other_provider_event:B
                              can_download_patient_reports:B can_prescribe_medications:B can_dispense_medications:B
                              can_delete_patient_visits:B can_delete_patient_records:B
app_config                    namespace key value data_type created_at:N updated_at:N last_modified:N last_modified_by? display_name?
clinic_departments*           clinic_id name code? description? status can_dispense_medications:B can_perform_labs:B can_perform_imaging:B
                              additional_capabilities:J metadata:J is_deleted:B created_at:N updated_at:N last_modified:N
                              server_created_at:N deleted_at:N?
registration_forms*           name fields:J metadata:J is_deleted:B deleted_at:N? created_at:N updated_at:N
event_forms*                  name description language is_editable:B is_snapshot_form:B form_fields:J metadata:J is_deleted:B deleted_at:N?
                              created_at:N updated_at:N clinic_ids:J translations:J?
drug_catalogue*               barcode? generic_name brand_name? form route dosage_quantity dosage_units manufacturer? sale_price
                              sale_currency? min_stock_level:N max_stock_level:N? is_controlled:B requires_refrigeration:B is_active:B
                              notes? recorded_by_user_id? metadata:J is_deleted:B deleted_at:N? last_modified:N server_created_at:N?
                              created_at:N updated_at:N
clinic_inventory*             clinic_id drug_id batch_id quantity_available:N reserved_quantity:N last_counted_at:N? recorded_by_user_id?
                              metadata:J is_deleted:B deleted_at:N? last_modified:N server_created_at:N? created_at:N updated_at:N
                              batch_number batch_expiry_date:N
patients*                     given_name surname date_of_birth citizenship hometown phone sex camp? additional_data:J metadata:J photo_url?
                              is_deleted:B deleted_at:N? created_at:N updated_at:N government_id external_patient_id
                              primary_clinic_id? last_modified_by?
patient_additional_attributes* patient_id attribute_id attribute number_value:N? string_value? date_value:N? boolean_value:B? metadata:J
                              is_deleted:B created_at:N updated_at:N last_modified:N server_created_at:N deleted_at:N?
visits*                       patient_id clinic_id provider_id provider_name check_in_timestamp:N metadata:J is_deleted:B deleted_at:N?
                              created_at:N updated_at:N
events*                       patient_id form_id visit_id event_type form_data:J metadata:J is_deleted:B deleted_at:N? created_at:N
                              updated_at:N recorded_by_user_id
patient_vitals*               patient_id visit_id? timestamp:N systolic_bp:N? diastolic_bp:N? bp_position? height_cm:N? weight_kg:N? bmi:N?
                              waist_circumference_cm:N? heart_rate:N? pulse_rate:N? oxygen_saturation:N? respiratory_rate:N?
                              temperature_celsius:N? pain_level:N? recorded_by_user_id? metadata:J is_deleted:B created_at:N
                              updated_at:N deleted_at:N? event_id?
patient_problems*             patient_id visit_id? problem_code_system problem_code problem_label clinical_status verification_status
                              severity_score:N? onset_date:N? end_date:N? recorded_by_user_id? metadata:J is_deleted:B created_at:N
                              updated_at:N last_modified:N server_created_at:N deleted_at:N?
appointments*                 provider_id? clinic_id patient_id user_id current_visit_id fulfilled_visit_id? timestamp:N duration:N? reason
                              notes is_walk_in:B departments:J status metadata:J is_deleted:B created_at:N updated_at:N deleted_at:N?
prescriptions*                patient_id provider_id filled_by? pickup_clinic_id? visit_id? priority expiration_date:N prescribed_at:N
                              filled_at:N? status items:J notes metadata:J is_deleted:B created_at:N updated_at:N deleted_at:N?
prescription_items*           prescription_id patient_id drug_id clinic_id dosage_instructions quantity_prescribed:N quantity_dispensed:N
                              refills_authorized:N refills_used:N item_status notes? created_at:N updated_at:N recorded_by_user_id?
                              metadata:J is_deleted:B deleted_at:N? last_modified:N server_created_at:N?
dispensing_records*           clinic_id drug_id batch_id? prescription_item_id? patient_id quantity_dispensed:N dosage_instructions?
                              days_supply:N? dispensed_by dispensed_at:N recorded_by_user_id? metadata:J is_deleted:B deleted_at:N?
                              last_modified:N server_created_at:N? created_at:N updated_at:N
`)

// readTables reads a table a paragraph: its name, with a star if phones push it, and
// its columns with their kinds, S unless said, and a question mark if they may be null.
func readTables(text string) (tables []Table) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		words := strings.Fields(line)
		if line[0] != ' ' {
			name, pushed := strings.CutSuffix(words[0], "*")
			tables = append(tables, Table{Name: name, Pushed: pushed, at: map[string]int{}})
			words = words[1:]
		}
		t := &tables[len(tables)-1]
		for _, w := range words {
			c := readColumn(w)
			t.at[c.Name] = len(t.Columns)
			t.Columns = append(t.Columns, c)
		}
	}
	return tables
}

func readColumn(word string) Column {
	word, optional := strings.CutSuffix(word, "?")
	name, kind, typed := strings.Cut(word, ":")
	if !typed {
		kind = string(Text)
	}
	return Column{Name: name, Kind: Kind(kind[0]), Optional: optional}
}

// TableOf finds a table of the app, nil if it has none of that name.
func TableOf(name string) *Table {
	if i := slices.IndexFunc(Tables, func(t Table) bool { return t.Name == name }); i >= 0 {
		return &Tables[i]
	}
	return nil
}

// Column finds a column, nil if the table has none of that name.
func (t *Table) Column(name string) *Column {
	if i := t.index(name); i >= 0 {
		return &t.Columns[i]
	}
	return nil
}

// index is the place of a column, -1 if there is none.
func (t *Table) index(name string) int {
	if i, ok := t.at[name]; ok {
		return i
	}
	return -1
}

// greatest are the columns of which only the greatest value matters, so that two
// phones never conflict about them.
var greatest = []string{"updated_at", "last_modified"}

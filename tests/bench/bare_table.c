// A table of GTK's with as many rows as the log has, as high as they are, and as many columns as the
// log shows in a window of this size. There is nothing to it but text that is at hand, in inscriptions,
// the quickest that GTK has for text.

#include <adwaita.h>

enum { ROWS = 1000000, COLUMNS = 6, CHARACTERS = 10, HEIGHT = 32 /* and 16 of padding */ };

// A list whose items know no more than where they are.
G_DECLARE_FINAL_TYPE(BareRows, bare_rows, BARE, ROWS, GObject)
struct _BareRows {
  GObject parent;
};

static GQuark position(void) { return g_quark_from_static_string("position"); }

static GType item_type(GListModel *list) {
  (void)list;
  return G_TYPE_OBJECT;
}

static guint n_items(GListModel *list) {
  (void)list;
  return ROWS;
}

static gpointer item(GListModel *list, guint at) {
  (void)list;
  if (at >= ROWS) {
    return NULL;
  }
  GObject *row = g_object_new(G_TYPE_OBJECT, NULL);
  g_object_set_qdata(row, position(), GUINT_TO_POINTER(at));
  return row;
}

static void list_init(GListModelInterface *list) {
  list->get_item_type = item_type;
  list->get_n_items = n_items;
  list->get_item = item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE(BareRows, bare_rows, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, list_init))

static void bare_rows_init(BareRows *rows) { (void)rows; }

static void bare_rows_class_init(BareRowsClass *class) { (void)class; }

static void set_up(GtkSignalListItemFactory *factory, GtkListItem *cell, gpointer data) {
  (void)factory;
  (void)data;
  GtkWidget *text = gtk_inscription_new(NULL);
  gtk_inscription_set_nat_chars(GTK_INSCRIPTION(text), CHARACTERS);
  gtk_widget_set_size_request(text, -1, HEIGHT);
  gtk_list_item_set_child(cell, text);
}

static void bind(GtkSignalListItemFactory *factory, GtkListItem *cell, gpointer data) {
  (void)factory;
  (void)data;
  guint at = GPOINTER_TO_UINT(g_object_get_qdata(gtk_list_item_get_item(cell), position()));
  char *text = g_strdup_printf("row %u", at);
  gtk_inscription_set_text(GTK_INSCRIPTION(gtk_list_item_get_child(cell)), text);
  g_free(text);
}

static GtkWidget *table(void) {
  GListModel *rows = G_LIST_MODEL(g_object_new(bare_rows_get_type(), NULL));
  GtkWidget *table = gtk_column_view_new(GTK_SELECTION_MODEL(gtk_no_selection_new(rows)));
  for (int at = 0; at < COLUMNS; at++) {
    GtkListItemFactory *factory = gtk_signal_list_item_factory_new();
    g_signal_connect(factory, "setup", G_CALLBACK(set_up), NULL);
    g_signal_connect(factory, "bind", G_CALLBACK(bind), NULL);
    GtkColumnViewColumn *column = gtk_column_view_column_new("Column", factory);
    gtk_column_view_column_set_expand(column, TRUE);
    gtk_column_view_append_column(GTK_COLUMN_VIEW(table), column);
    g_object_unref(column);
  }
  return table;
}

static void activate(GtkApplication *application, gpointer data) {
  (void)data;
  GtkWidget *window = adw_application_window_new(application);
  gtk_window_set_title(GTK_WINDOW(window), "Table");
  gtk_window_set_default_size(GTK_WINDOW(window), 1000, 720);
  GtkWidget *scroller = gtk_scrolled_window_new();
  gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), table());
  GtkWidget *content = adw_toolbar_view_new();
  adw_toolbar_view_add_top_bar(ADW_TOOLBAR_VIEW(content), adw_header_bar_new());
  adw_toolbar_view_set_content(ADW_TOOLBAR_VIEW(content), scroller);
  adw_application_window_set_content(ADW_APPLICATION_WINDOW(window), content);
  gtk_window_present(GTK_WINDOW(window));
}

int main(int argc, char *argv[]) {
  AdwApplication *application = adw_application_new("org.bastionfirewall.BareTable", G_APPLICATION_DEFAULT_FLAGS);
  g_signal_connect(application, "activate", G_CALLBACK(activate), NULL);
  int status = g_application_run(G_APPLICATION(application), argc, argv);
  g_object_unref(application);
  return status;
}

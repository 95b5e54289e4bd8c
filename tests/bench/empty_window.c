// An empty window of libadwaita: what no application of its kind can be quicker or smaller than.

#include <adwaita.h>

static void activate(GtkApplication *application, gpointer data) {
  (void)data;
  GtkWidget *window = adw_application_window_new(application);
  gtk_window_set_title(GTK_WINDOW(window), "Empty");
  gtk_window_set_default_size(GTK_WINDOW(window), 1000, 720);
  gtk_window_present(GTK_WINDOW(window));
}

int main(int argc, char *argv[]) {
  AdwApplication *application = adw_application_new("org.bastionfirewall.EmptyWindow", G_APPLICATION_DEFAULT_FLAGS);
  g_signal_connect(application, "activate", G_CALLBACK(activate), NULL);
  int status = g_application_run(G_APPLICATION(application), argc, argv);
  g_object_unref(application);
  return status;
}
